import { execFile } from "node:child_process";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { EXIT, UserError } from "../../platform/user-error.ts";

const run = promisify(execFile);

/** A directory with the files of one commit. */
export interface Checkout {
  /** How it is called: what was asked for, and the beginning of the commit. */
  readonly name: string;
  readonly path: string;
}

/** A repository that is asked by the git of the machine. */
export class Repository {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** The commit that a name stands for. Throws UserError (usage) when there is none. */
  async commitOf(name: string): Promise<string> {
    try {
      return await this.#git("rev-parse", "--verify", "--quiet", `${name}^{commit}`);
    } catch (error) {
      const reason = (await this.whyUnreadable()) ?? "there is no such commit here";
      throw new UserError(EXIT.usage, `${name} cannot be compared with: ${reason}`, error);
    }
  }

  /** The commit before that of the checkout, or a sentence that says why there is none. */
  async parent(): Promise<{ readonly commit: string } | { readonly reason: string }> {
    try {
      return { commit: await this.#git("rev-parse", "--verify", "--quiet", "HEAD~1^{commit}") };
    } catch {
      const unreadable = await this.whyUnreadable();
      if (unreadable !== undefined) return { reason: unreadable };
      const isShallow = (await this.#git("rev-parse", "--is-shallow-repository")) === "true";
      return {
        reason: isShallow
          ? "the clone is shallow and ends at this commit; git fetch --deepen 1 brings the one before"
          : "this is the first commit",
      };
    }
  }

  /** Whether the commit needs other packages than the checkout has. */
  async hasOtherPackages(commit: string): Promise<boolean> {
    return (await this.#git("diff", "--name-only", commit, "--", "package-lock.json")) !== "";
  }

  /**
   * Puts the files of a commit into a directory that is not there yet, with the packages of this checkout. What it made is
   * removed by the resources.
   */
  async checkOut(commit: string, path: string, resources: AsyncDisposableStack): Promise<string> {
    resources.defer(async () => {
      await this.#git("worktree", "remove", "--force", path).catch(() => "");
      await this.#git("worktree", "prune");
    });
    await this.#git("worktree", "add", "--quiet", "--detach", path, commit);
    await symlink(join(this.path, "node_modules"), join(path, "node_modules"));
    return path;
  }

  /** Undefined when git can read the repository. */
  async whyUnreadable(): Promise<string | undefined> {
    try {
      await this.#git("rev-parse", "--git-dir");
      return undefined;
    } catch (error) {
      const { code, stderr } = error as { code?: unknown; stderr?: string };
      if (code === "ENOENT") return "git is not installed";
      const said = (stderr ?? String(error)).trim().split("\n", 1)[0];
      return `git says "${said}"`;
    }
  }

  async #git(...args: readonly string[]): Promise<string> {
    const { stdout } = await run("git", ["-C", this.path, ...args]);
    return stdout.trim();
  }
}
