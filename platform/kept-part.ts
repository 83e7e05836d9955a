import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { Script } from "node:vm";

/** A part of a program that has been loaded. */
export interface LoadedPart<T> {
  readonly exports: T;
  /**
   * Keeps the compiled code of all functions that have been called so far, where that of none is kept. Where it cannot be
   * written the next start compiles them again.
   */
  keep(): void;
}

/**
 * Loads a part of a program: from the sources by `part`, and a built one from the script of that path, which must have another
 * name when its content is another, and whose value is a function that takes `module` and the path, calls no `require`, and `module.loader` in
 * place of `import`. What is compiled of that is kept in `directory`: Node's own cache is made before anything runs, and lacks what
 * is compiled when it is called first, which is almost every function. Others that use the part find its exports at
 * `globalThis`, by `Symbol.for` and the name of the file: `createRequire`, for a place among the modules of `require`, takes a millisecond.
 */
export async function loadPart<T extends object>(
  part: string | (() => Promise<T>),
  directory: string | undefined,
): Promise<LoadedPart<T>> {
  if (typeof part !== "string") return { exports: await part(), keep: () => undefined };
  const kept = directory === undefined ? undefined : join(directory, `${basename(part)}.code`);
  const cachedData = kept === undefined ? undefined : readKept(kept);
  const script = new Script(readFileSync(part, "utf8"), {
    filename: part,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  // Node calls the import of a script experimental, on standard error.
  const loader = async (path: string): Promise<unknown> =>
    await import(new URL(path, pathToFileURL(part)).href);
  const module = { exports: {} as T, loader };
  const run = script.runInThisContext() as (own: typeof module, filename: string) => void;
  run(module, part);
  Reflect.set(globalThis, Symbol.for(basename(part)), module.exports);
  const isWanted = kept !== undefined && script.cachedDataRejected !== false;
  return {
    exports: module.exports,
    keep: () => void (isWanted && writeKept(kept, script.createCachedData())),
  };
}

function readKept(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** V8 trusts the code that it reads: a file that a crash of the machine has left half written must not get the name. */
function writeKept(path: string, code: Buffer): void {
  const partPath = `${path}.${process.pid}`;
  try {
    const fd = openSync(partPath, "wx", 0o600);
    try {
      for (let done = 0; done < code.length;) done += writeSync(fd, code, done);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(partPath, path);
  } catch {
    rmSync(partPath, { force: true });
  }
}
