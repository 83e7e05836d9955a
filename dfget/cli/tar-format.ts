/** What a tar file is made of, and its parts are filled up to. */
export const TAR_BLOCK_BYTES = 512;
const NAME_BYTES_MAX = 100;
/** What eleven octal digits hold. */
const SIZE_BYTES_MAX = 8 ** 11 - 1;

/** A file or a directory in a tar file. */
export interface TarEntry {
  /** Relative, of a directory with "/" at its end. */
  readonly name: string;
  readonly lengthBytes: number;
  readonly mode: number;
}

/**
 * What stands before the content of an entry, in the format of POSIX (pax): owner, group and time are 0, so that the
 * same files make the same bytes.
 */
export function tarHeader({ name, lengthBytes, mode }: TarEntry): Buffer {
  const records: Record<string, string> = {};
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) records["path"] = name;
  if (lengthBytes > SIZE_BYTES_MAX) records["size"] = String(lengthBytes);
  const type = name.endsWith("/") ? "5" : "0";
  const plain = block(name, Math.min(lengthBytes, SIZE_BYTES_MAX), mode, type);
  if (Object.keys(records).length === 0) return plain;
  const extended = Buffer.from(Object.entries(records).map(record).join(""));
  const before = block("pax", extended.length, 0o644, "x");
  return Buffer.concat([before, extended, tarPadding(extended.length), plain]);
}

/** What fills up content of this length. */
export function tarPadding(lengthBytes: number): Buffer {
  return Buffer.alloc((TAR_BLOCK_BYTES - (lengthBytes % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES);
}

/** What ends a tar file. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * TAR_BLOCK_BYTES);
}

function block(name: string, lengthBytes: number, mode: number, type: string): Buffer {
  const bytes = Buffer.alloc(TAR_BLOCK_BYTES);
  const octal = (value: number, offset: number, digits: number): void => {
    bytes.write(value.toString(8).padStart(digits, "0"), offset, "latin1");
  };
  Buffer.from(name).copy(bytes, 0, 0, NAME_BYTES_MAX);
  octal(mode, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(lengthBytes, 124, 11);
  octal(0, 136, 11);
  bytes.fill(" ", 148, 156);
  bytes.write(type, 156, "latin1");
  bytes.write("ustar", 257, "latin1");
  bytes.write("00", 263, "latin1");
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return bytes;
}

/** A record begins with its own length, which counts its own digits. */
function record([key, value]: [string, string]): string {
  const rest = ` ${key}=${value}\n`;
  const restBytes = Buffer.byteLength(rest);
  let lengthBytes = restBytes;
  while (String(lengthBytes).length + restBytes !== lengthBytes) {
    lengthBytes = String(lengthBytes).length + restBytes;
  }
  return `${lengthBytes}${rest}`;
}
