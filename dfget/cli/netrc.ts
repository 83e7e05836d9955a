import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

import { EXIT, UserError } from "../../platform/user-error.ts";

const FILE_BYTES_MAX = 1024 * 1024;

/** User and password of a host. */
export interface NetrcEntry {
  readonly login: string;
  readonly password: string;
}

/** Finds the entry of a host; undefined where the file has none. */
export type Netrc = (host: string) => NetrcEntry | undefined;

/**
 * Reads the netrc file `path`, else the one that $NETRC names, else ~/.netrc. Throws UserError (usage) for a file
 * that was named and cannot be read; the usual one may be absent.
 */
export function loadNetrc(
  path: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Netrc {
  const named = path ?? (env["NETRC"] === "" ? undefined : env["NETRC"]);
  try {
    return parseNetrc(readFileSync(named ?? join(env["HOME"] ?? homedir(), ".netrc"), "utf8"));
  } catch (error) {
    if (named === undefined) return () => undefined;
    const code = (error as NodeJS.ErrnoException).code ?? "unreadable";
    throw new UserError(EXIT.usage, `the netrc file ${named} cannot be read (${code})`, error);
  }
}

/** Reads the text of a netrc file; macros and accounts are passed over. */
export function parseNetrc(text: string): Netrc {
  const words = wordsOf(text.slice(0, FILE_BYTES_MAX));
  const machines = new Map<string, NetrcEntry>();
  let fallback: NetrcEntry | undefined;
  for (let i = 0; i < words.length;) {
    const word = words[i++]!;
    if (word !== "machine" && word !== "default") continue;
    const host = word === "machine" ? words[i++] : undefined;
    let login = "";
    let password = "";
    while (i < words.length && words[i] !== "machine" && words[i] !== "default") {
      const key = words[i++];
      if (key === "login") login = words[i++] ?? "";
      else if (key === "password") password = words[i++] ?? "";
      else if (key === "account") i += 1;
    }
    const entry = { login, password };
    if (host === undefined) fallback ??= word === "default" ? entry : undefined;
    else if (!machines.has(host.toLowerCase())) machines.set(host.toLowerCase(), entry);
  }
  return (host) => machines.get(host.toLowerCase()) ?? fallback;
}

/** The words of a netrc file, without comments and macros; quotes keep spaces inside a word. */
function wordsOf(text: string): string[] {
  const withoutMacros = text.replaceAll(/^[ \t]*macdef\b[^\n]*(?:\n[^\n]+)*/gm, "");
  const withoutComments = withoutMacros.replaceAll(/^[ \t]*#[^\n]*/gm, "");
  return [...withoutComments.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll(/\\(.)/g, "$1") ?? plain!,
  );
}
