/** Writes and reads the few forms of DER (ITU-T X.690) that certificates are made of. */

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One value: its tag, its content, and the whole of it as it is written. */
export interface DerValue {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly whole: Uint8Array;
}

/** A value of any tag. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts);
  return Buffer.concat([Uint8Array.of(tag), lengthOf(content.length), content]);
}

export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return der(TAG.sequence, ...parts);
}

export function set(...parts: readonly Uint8Array[]): Uint8Array {
  return der(TAG.set, ...parts);
}

/** Numbered by its place in a choice or among optional fields, around a whole value. */
export function explicit(number: number, value: Uint8Array): Uint8Array {
  return der(0xa0 | number, value);
}

/** Numbered likewise, in place of the value's own tag. */
export function implicit(number: number, content: Uint8Array): Uint8Array {
  return der(0x80 | number, content);
}

/** An integer that is not negative, most significant byte first. */
export function integer(bytes: Uint8Array): Uint8Array {
  const isNegative = (bytes[0] ?? 0) >= 0x80;
  return der(TAG.integer, isNegative ? Uint8Array.of(0) : new Uint8Array(), bytes);
}

export function boolean(value: boolean): Uint8Array {
  return der(TAG.boolean, Uint8Array.of(value ? 0xff : 0));
}

/** Bits, of which the last `unusedBits` of the last byte do not count. */
export function bitString(bytes: Uint8Array, unusedBits = 0): Uint8Array {
  return der(TAG.bitString, Uint8Array.of(unusedBits), bytes);
}

export function octetString(bytes: Uint8Array): Uint8Array {
  return der(TAG.octetString, bytes);
}

export function utf8String(text: string): Uint8Array {
  return der(TAG.utf8String, Buffer.from(text));
}

/** An object identifier such as `2.5.4.3`. */
export function objectId(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const sevens = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) sevens.unshift((left & 0x7f) | 0x80);
    return sevens;
  });
  return der(TAG.objectId, Uint8Array.from(bytes));
}

/** A moment, in the form that RFC 5280 wants for its year. */
export function time(at: Date): Uint8Array {
  const digits = at.toISOString().replaceAll(/[-:T]|\.\d+Z$/g, "");
  const isLate = at.getUTCFullYear() >= 2050;
  const text = `${isLate ? digits : digits.slice(2)}Z`;
  return der(isLate ? TAG.generalizedTime : TAG.utcTime, Buffer.from(text));
}

/** The values that stand one after the other in `bytes`. Throws RangeError for what is not DER. */
export function readDer(bytes: Uint8Array): DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length;) {
    const { tag, start, end } = headAt(bytes, at);
    values.push({ tag, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) });
    at = end;
  }
  return values;
}

function headAt(bytes: Uint8Array, at: number): { tag: number; start: number; end: number } {
  const first = bytes[at + 1] ?? 0;
  const more = first < 0x80 ? 0 : first & 0x7f;
  let length = more === 0 ? first : 0;
  for (let i = 0; i < more; i++) length = length * 256 + (bytes[at + 2 + i] ?? 0);
  const start = at + 2 + more;
  const end = start + length;
  if (more > 4 || end > bytes.length) throw new RangeError("the bytes are not DER");
  return { tag: bytes[at]!, start, end };
}

function lengthOf(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const bytes: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) bytes.unshift(left & 0xff);
  return Uint8Array.of(0x80 | bytes.length, ...bytes);
}
