import { closeSync, openSync, readSync } from "node:fs";

import { EXIT, UserError } from "../../platform/user-error.ts";
import { ORIGIN_HEADERS_LENGTH_BYTES_MAX, ORIGIN_HEADERS_MAX } from "../../protocol/limits.ts";

/**
 * Reads the values of `-H`: "Name: value", or @FILE with one such line each, empty lines left out.
 * A name given twice becomes one header with both values. Throws UserError (usage), which never
 * repeats a value: it may be a secret.
 */
export function readHeaderOptions(values: readonly string[]): Record<string, string> {
  const headers = new Map<string, string>();
  for (const value of values) {
    const lines = value.startsWith("@") ? readLines(value.slice(1)) : [value];
    for (const line of lines) {
      const [name, content] = parseHeader(line, value.startsWith("@") ? value.slice(1) : "-H");
      const before = headers.get(name);
      headers.set(name, before === undefined ? content : `${before}, ${content}`);
    }
  }
  if (headers.size > ORIGIN_HEADERS_MAX) {
    throw new UserError(EXIT.usage, `at most ${ORIGIN_HEADERS_MAX} headers can be given`);
  }
  return Object.fromEntries(headers);
}

function parseHeader(line: string, where: string): [string, string] {
  const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/.exec(
    line,
  );
  if (!match) {
    throw new UserError(EXIT.usage, `a header of ${where} must have the form "Name: value"`);
  }
  return [match[1]!.toLowerCase(), match[2]!];
}

function readLines(path: string): string[] {
  const text = readStart(path, ORIGIN_HEADERS_LENGTH_BYTES_MAX + 1);
  if (text.length > ORIGIN_HEADERS_LENGTH_BYTES_MAX) {
    throw new UserError(
      EXIT.usage,
      `the header file ${path} is longer than the ${ORIGIN_HEADERS_LENGTH_BYTES_MAX} bytes that all headers may have`,
    );
  }
  return text.split(/\r?\n/).filter((line) => line !== "");
}

/** The first bytes of a file, which may be one without an end. */
function readStart(path: string, lengthBytesMax: number): string {
  try {
    const fd = openSync(path, "r");
    try {
      const buffer = Buffer.alloc(lengthBytesMax);
      let filled = 0;
      for (let count = -1; count !== 0 && filled < buffer.length; filled += count) {
        count = readSync(fd, buffer, filled, buffer.length - filled, null);
      }
      return buffer.toString("latin1", 0, filled);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unreadable";
    throw new UserError(EXIT.usage, `the header file ${path} cannot be read (${code})`, error);
  }
}
