import { crc32 } from "node:zlib";

const CRC_LENGTH_BYTES = 4;

/**
 * Puts a CRC-32 before a value, taken over its key too, so that a value that was damaged, cut or
 * filed under another key is not taken for valid. LevelDB itself reports a damaged table only sometimes.
 */
export function sealValue(key: string, payload: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(CRC_LENGTH_BYTES + payload.length);
  new DataView(sealed.buffer).setUint32(0, crc32(payload, crc32(key)), true);
  sealed.set(payload, CRC_LENGTH_BYTES);
  return sealed;
}

/** The payload of a sealed value; undefined when the value is not what was sealed under that key. */
export function unsealValue(key: string, sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length < CRC_LENGTH_BYTES) return undefined;
  const view = new DataView(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const payload = sealed.subarray(CRC_LENGTH_BYTES);
  return view.getUint32(0, true) === crc32(payload, crc32(key)) ? payload : undefined;
}
