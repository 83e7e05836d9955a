import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

import { serverUrlOption } from "../platform/option-value.ts";

/** The directory for pieces: the one asked for, else the usual place of this user. */
export function dataDirOf(
  dataDir: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string {
  if (dataDir !== undefined && dataDir !== "") return dataDir;
  if (process.getuid?.() === 0) return "/var/lib/darter";
  const dataHome = env["XDG_DATA_HOME"];
  // A relative path there is to be ignored (XDG base directory specification).
  if (dataHome !== undefined && isAbsolute(dataHome)) return join(dataHome, "darter");
  return join(homedir(), ".local", "share", "darter");
}

/** Reads the URL of a supernode. Throws UserError (usage). */
export function supernodeUrlOf(text: string): string {
  const must = "must be a URL such as http://10.0.0.1:8002";
  return serverUrlOption("supernode", text, must).origin;
}
