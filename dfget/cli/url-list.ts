import { EXIT, UserError } from "../../platform/user-error.ts";
import { shortText } from "../../platform/printable-text.ts";
import { readInput } from "./input-text.ts";

/** The most URLs of one call, from the command line and the list together. */
export const URLS_MAX = 100_000;
/** Of a line that is no URL so much is shown. */
const SHOWN_LENGTH_MAX = 120;

/**
 * Reads the URLs of `-i FILE`, one a line; empty lines and those that begin with # are left out, and "-" is
 * standard input. Throws UserError (usage) for a file that cannot be read, holds none, or holds something else, and
 * the signal's reason.
 */
export async function readUrlList(path: string, signal: AbortSignal): Promise<string[]> {
  const name = path === "-" ? "standard input" : path;
  let text: string;
  try {
    text = await readInput(path, signal);
  } catch (error) {
    signal.throwIfAborted();
    const code = (error as NodeJS.ErrnoException).code ?? "unreadable";
    throw new UserError(EXIT.usage, `the list of URLs ${name} cannot be read (${code})`, error);
  }
  const urls: string[] = [];
  for (const [index, whole] of text.split("\n").entries()) {
    const line = whole.trim();
    if (line === "" || line.startsWith("#")) continue;
    if (!/^[a-z][a-z0-9+.-]*:/i.test(line)) {
      const shown = JSON.stringify(shortText(line, SHOWN_LENGTH_MAX));
      throw new UserError(EXIT.usage, `line ${index + 1} of ${name} is no URL: ${shown}`);
    }
    urls.push(line);
    if (urls.length > URLS_MAX) {
      throw new UserError(EXIT.usage, `the list ${name} holds more than ${URLS_MAX} URLs`);
    }
  }
  if (urls.length === 0) throw new UserError(EXIT.usage, `the list ${name} holds no URL`);
  return urls;
}
