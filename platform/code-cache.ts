import { lstatSync, mkdirSync } from "node:fs";
import { enableCompileCache, getCompileCacheDir } from "node:module";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Keeps what Node compiles, so that the next start need not compile it again; from sources that is most of the time
 * of a short run. It does without where there is no directory for it that is this user's alone: whoever can write
 * there can have code run. `NODE_COMPILE_CACHE` and `NODE_DISABLE_COMPILE_CACHE` have the last word. Returns the directory for
 * what this Node with its flags compiles; undefined where nothing is kept.
 */
export function keepCompiledCode(env: Environment, uid: number | undefined): string | undefined {
  const place = codeCachePlace(env, uid);
  const directory = place === undefined ? undefined : ownDirectory(place, uid);
  if (directory !== undefined) enableCompileCache(directory);
  return getCompileCacheDir();
}

/** Where a user's compiled code goes; undefined for nowhere. */
export function codeCachePlace(env: Environment, uid: number | undefined): string | undefined {
  // Under sudo the home directory, and the variables, may be those of a user who is not root.
  if (uid === 0) return "/var/cache/darter";
  if (uid === undefined) return undefined;
  const cacheHome = env["XDG_CACHE_HOME"];
  if (cacheHome !== undefined && isAbsolute(cacheHome)) return join(cacheHome, "darter");
  const home = homedir();
  return isAbsolute(home) ? join(home, ".cache", "darter") : undefined;
}

/** The directory, made where it was absent; undefined where it is not this user's alone. */
export function ownDirectory(directory: string, uid: number | undefined): string | undefined {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const info = lstatSync(directory);
    const isOwn = info.isDirectory() && info.uid === uid && (info.mode & 0o022) === 0;
    return isOwn ? directory : undefined;
  } catch {
    return undefined;
  }
}
