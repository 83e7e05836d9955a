import { readdir, stat } from "node:fs/promises";
import { resolve } from "node:path";

import { EXIT, UserError } from "../../../platform/user-error.ts";
import { dragonfly1 } from "./dragonfly-1.ts";
import { dragonfly2 } from "./dragonfly-2.ts";
import { kraken } from "./kraken.ts";
import type { Rival } from "./rival.ts";
import { spegel } from "./spegel.ts";

/** Another system and where the user has its programs. */
export interface RivalAt {
  readonly rival: Rival;
  readonly directory: string;
}

/** What `--against` takes besides directories; it is measured unless `--no-direct` is given. */
const DIRECT = "direct";

/** The one with more programs comes first: two of them share some names. */
const KNOWN: readonly Rival[] = [dragonfly2, kraken, dragonfly1, spegel];

/**
 * Which systems are in these directories, by the names of their programs; `direct` among them is passed over. Throws
 * UserError (usage) for a directory that is none or holds no known system.
 */
export async function rivalsAt(paths: readonly string[]): Promise<readonly RivalAt[]> {
  const directories = paths.flatMap((text) => text.split(",")).filter((path) => path !== DIRECT);
  return await Promise.all(
    directories.map(async (path) => {
      const names = await programsIn(path);
      const rival = KNOWN.find(({ programs }) => programs.every((name) => names.includes(name)));
      if (rival !== undefined) return { rival, directory: resolve(path) };
      const known = KNOWN.map(({ name, programs }) => `${name} (${programs.join(", ")})`);
      throw usage(`--against ${path} holds none of ${known.join("; ")}`);
    }),
  );
}

async function programsIn(path: string): Promise<readonly string[]> {
  try {
    if ((await stat(path)).isDirectory()) return await readdir(path);
  } catch {
    // Answered below.
  }
  throw usage(
    `--against must be ${DIRECT} or a directory with programs, not ${JSON.stringify(path)}`,
  );
}

function usage(sentence: string): UserError {
  return new UserError(EXIT.usage, `${sentence}; see npm run bench:fleet -- --help`);
}
