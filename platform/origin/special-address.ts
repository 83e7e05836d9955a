import { BlockList, isIPv4, isIPv6 } from "node:net";

/** Why an address is not that of an ordinary host. */
export type AddressKind =
  "loopback" | "unspecified" | "link-local" | "multicast" | "reserved" | "cloud metadata";

/**
 * Ranges that no origin is expected in, from the registries of RFC 6890 and from the documentation of the
 * clouds. The first match names the address, so single metadata addresses come before the ranges that hold them.
 */
const RANGES: readonly (readonly [AddressKind, readonly string[]])[] = [
  [
    "cloud metadata",
    [
      "169.254.169.254/32", // AWS, GCP, Azure, OpenStack
      "169.254.170.2/32", // AWS task credentials
      "100.100.100.200/32", // Alibaba
      "168.63.129.16/32", // Azure platform
      "192.0.0.192/32", // Oracle
      "fd00:ec2::254/128", // AWS
      "fd20:ce::254/128", // GCP
    ],
  ],
  ["loopback", ["127.0.0.0/8", "::1/128", "64:ff9b::7f00:0/104"]],
  ["unspecified", ["0.0.0.0/8", "::/128"]],
  ["link-local", ["169.254.0.0/16", "fe80::/10", "64:ff9b::a9fe:0/112"]],
  ["multicast", ["224.0.0.0/4", "ff00::/8"]],
  ["reserved", ["240.0.0.0/4"]],
];

const LISTS: readonly (readonly [AddressKind, BlockList])[] = RANGES.map(([kind, ranges]) => {
  const list = new BlockList();
  for (const range of ranges) addRange(list, range);
  return [kind, list];
});

/** What makes an IP address special; undefined for an ordinary one. IPv4 inside IPv6 counts as IPv4. */
export function specialAddressKind(address: string): AddressKind | undefined {
  return LISTS.find(([, list]) => listHas(list, address))?.[0];
}

/** Whether a list holds an IP address of either family; false for what is no address. */
export function listHas(list: BlockList, address: string): boolean {
  const bare = address.split("%", 1)[0]!;
  if (isIPv4(bare)) return list.check(bare, "ipv4");
  return isIPv6(bare) && list.check(bare, "ipv6");
}

/** Adds `address/bits` to a list. Returns false when it is no range. */
export function addRange(list: BlockList, range: string): boolean {
  const match = /^([0-9a-fA-F:.]+)\/(\d{1,3})$/.exec(range);
  if (!match) return false;
  const address = match[1]!;
  const bits = Number(match[2]);
  const family = isIPv4(address) ? "ipv4" : isIPv6(address) ? "ipv6" : undefined;
  if (family === undefined || bits > (family === "ipv4" ? 32 : 128)) return false;
  list.addSubnet(address, bits, family);
  return true;
}
