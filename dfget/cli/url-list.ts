import { readFileSync } from "node:fs";

import { EXIT, UserError } from "../../platform/user-error.ts";

/** The most URLs of one call, from the command line and the list together. */
export const URLS_MAX = 100_000;

/**
 * Reads the URLs of `-i FILE`, one a line; empty lines and those that begin with # are left out, and "-" is
 * standard input. Throws UserError (usage) for a file that cannot be read or holds none.
 */
export function readUrlList(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unreadable";
    throw new UserError(EXIT.usage, `the list of URLs ${path} cannot be read (${code})`, error);
  }
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const urls = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (urls.length === 0) throw new UserError(EXIT.usage, `the list ${path} holds no URL`);
  if (urls.length > URLS_MAX) {
    throw new UserError(EXIT.usage, `the list ${path} holds more than ${URLS_MAX} URLs`);
  }
  return urls;
}
