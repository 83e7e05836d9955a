import { readFileSync } from "node:fs";

import { EXIT, UserError } from "../../platform/user-error.ts";
import { ORIGIN_HEADERS_MAX } from "../../protocol/limits.ts";

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
  try {
    return readFileSync(path, "latin1")
      .split(/\r?\n/)
      .filter((line) => line !== "");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unreadable";
    throw new UserError(EXIT.usage, `the header file ${path} cannot be read (${code})`, error);
  }
}
