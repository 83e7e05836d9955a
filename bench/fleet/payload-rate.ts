const ETHERNET_HEADER_BYTES = 14;
const IP_PACKET_BYTES = 1500;
const IPV4_HEADER_BYTES = 20;
/** With the timestamps that Linux sends by default. */
const TCP_HEADER_BYTES = 32;

/**
 * How much of what a shaped link carries is content: tbf counts Ethernet frames (without preamble and
 * checksum), each of which carries 1448 bytes of a TCP stream in 1514. HTTP headers, acknowledgements of
 * what flows the other way and control frames are not taken off: they are our own cost.
 */
export const PAYLOAD_FACTOR =
  (IP_PACKET_BYTES - IPV4_HEADER_BYTES - TCP_HEADER_BYTES) /
  (IP_PACKET_BYTES + ETHERNET_HEADER_BYTES);

/** Content bytes per second that a link of this rate carries. */
export function payloadBytesPerSecond(mbit: number): number {
  return ((mbit * 1e6) / 8) * PAYLOAD_FACTOR;
}
