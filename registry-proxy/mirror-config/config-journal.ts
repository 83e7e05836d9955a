import { readFile, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { makeDirectory } from "../../platform/make-directory.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import type { PlannedFile, ReadFile, Runtime } from "./runtime-plan.ts";

/** One file that was changed, and what it was before the first change. */
interface Entry {
  readonly path: string;
  /** Undefined where there was no file. */
  readonly original: string | undefined;
  /** What we wrote last. */
  readonly written: string;
  /** The directories that were made for it, the innermost first. */
  readonly madeFolders: readonly string[];
}

const FOLDER = "/var/lib/darter/configure";

/** Writes the files of a runtime and remembers what they were, so that it can be undone. */
export class ConfigJournal {
  readonly #root: string;
  readonly #runtime: Runtime;

  /** `root` stands before every path; "/" on a machine as it is. */
  constructor(root: string, runtime: Runtime) {
    this.#root = root;
    this.#runtime = runtime;
  }

  readonly read: ReadFile = async (path) => {
    try {
      return await readFile(this.#at(path), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw fileError(path, error);
    }
  };

  /** Writes files; the journal is written before each of them. Throws UserError for a file that cannot be written. */
  async write(files: readonly PlannedFile[]): Promise<void> {
    const entries = new Map((await this.#entries()).map((entry) => [entry.path, entry]));
    for (const { path, text } of files) {
      const known = entries.get(path);
      entries.set(path, {
        path,
        original: known ? known.original : await this.read(path),
        written: text,
        madeFolders: known?.madeFolders ?? (await this.#missingFolders(path)),
      });
      await this.#save([...entries.values()]);
      await this.#put(path, text);
    }
  }

  /**
   * Puts every file back as it was. A file that somebody else changed since is left alone and named in the result.
   */
  async undo(): Promise<{
    readonly restored: readonly string[];
    readonly left: readonly string[];
  }> {
    const [restored, left]: [string[], Entry[]] = [[], []];
    for (const entry of (await this.#entries()).toReversed()) {
      const { path, original, written, madeFolders } = entry;
      const now = await this.read(path);
      if (now !== written && now !== original) {
        left.push(entry);
        continue;
      }
      if (original === undefined) await rm(this.#at(path), { force: true });
      else await this.#put(path, original);
      for (const folder of madeFolders) await rmdir(this.#at(folder)).catch(() => undefined);
      restored.push(path);
    }
    if (left.length === 0) await rm(this.#at(this.#path), { force: true });
    else await this.#save(left.toReversed());
    return { restored, left: left.map(({ path }) => path) };
  }

  get #path(): string {
    return `${FOLDER}/${this.#runtime}.json`;
  }

  #at(path: string): string {
    return join(this.#root, path);
  }

  async #entries(): Promise<readonly Entry[]> {
    const text = await this.read(this.#path);
    if (text === undefined) return [];
    return (JSON.parse(text) as { files: Entry[] }).files;
  }

  async #save(files: readonly Entry[]): Promise<void> {
    await this.#put(this.#path, `${JSON.stringify({ files }, null, 2)}\n`, 0o600);
  }

  /** Replaces a file at once, with the rights that it had. */
  async #put(path: string, text: string, mode = 0o644): Promise<void> {
    const target = this.#at(path);
    try {
      await makeDirectory(dirname(target));
      const rights = await stat(target).then(
        (info) => info.mode & 0o777,
        () => mode,
      );
      await writeFile(`${target}.darter-new`, text, { mode: rights });
      await rename(`${target}.darter-new`, target);
    } catch (error) {
      throw fileError(path, error);
    }
  }

  async #missingFolders(path: string): Promise<string[]> {
    const missing: string[] = [];
    for (let folder = dirname(path); folder !== "/"; folder = dirname(folder)) {
      const isThere = await stat(this.#at(folder)).then(
        () => true,
        () => false,
      );
      if (isThere) break;
      missing.push(folder);
    }
    return missing;
  }
}

function fileError(path: string, error: unknown): UserError {
  const { code } = error as NodeJS.ErrnoException;
  const reason = code === "EACCES" || code === "EPERM" ? "this user may not; run it as root" : code;
  return new UserError(EXIT.localFile, `the file ${path} cannot be used: ${reason}`, error);
}
