import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { EXIT } from "../../platform/user-error.ts";
import { ChildProcess } from "../harness/child-process.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { mustRun, runCommand } from "../harness/run-command.ts";
import type { CommandResult } from "../harness/run-command.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const MAIN = join(ROOT, "bench", "compare", "main.ts");

/** A checkout whose benches say what the test wants, and a place for what comparing makes. */
class Scene implements AsyncDisposable {
  readonly repository: string;
  readonly #directory: TemporaryDirectory;

  constructor(directory: TemporaryDirectory) {
    this.#directory = directory;
    this.repository = directory.join("repository");
  }

  /** Makes a repository with a commit for each text of a micro bench. */
  static async create(...micros: readonly string[]): Promise<Scene> {
    const scene = new Scene(await TemporaryDirectory.create("compare-test"));
    for (const folder of ["repository/bench/micro", "repository/bench/transfer", "place"]) {
      await mkdir(scene.#directory.join(folder), { recursive: true });
    }
    await mkdir(join(scene.repository, "node_modules"));
    await writeFile(join(scene.repository, ".gitignore"), "node_modules\n");
    await scene.git("init", "--quiet", "--initial-branch", "main");
    for (const micro of micros) {
      await scene.write("micro", micro);
      await scene.write("transfer", `say({ rows: [] });`);
      await scene.git("add", ".");
      await scene.git("commit", "--quiet", "--message", "next");
    }
    return scene;
  }

  async write(bench: string, text: string): Promise<void> {
    const prelude = `const say = (report) => console.log(JSON.stringify(report));\nconst micro = (each) => say({ results: [{ name: "a work", microsecondsEach: each }] });\n`;
    await writeFile(join(this.repository, "bench", bench, "main.ts"), prelude + text);
  }

  async git(...args: readonly string[]): Promise<string> {
    const who = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
    return await mustRun({ command: "git", args: ["-C", this.repository, ...who, ...args] });
  }

  async compare(...args: readonly string[]): Promise<CommandResult> {
    return await runCommand(this.command(...args));
  }

  command(...args: readonly string[]): Parameters<typeof runCommand>[0] {
    return {
      command: process.execPath,
      args: [MAIN, "--repository", this.repository, "--small", ...args],
      env: { TMPDIR: this.#directory.join("place") },
    };
  }

  /** What comparing has left behind. */
  async leftovers(): Promise<readonly string[]> {
    const files = await readdir(this.#directory.join("place"));
    const worktrees = (await this.git("worktree", "list")).trim().split("\n").slice(1);
    return [...files, ...worktrees];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#directory[Symbol.asyncDispose]();
  }
}

describeWhere(["linux", "git"], "comparing benches of two commits", () => {
  it("prints ratios, and is content when nothing is much worse", async () => {
    await using scene = await Scene.create("micro(10);", "micro(15);");
    const { code, stdout } = await scene.compare("--fail-at", "2");
    expect(code).toBe(0);
    expect(stdout).toMatch(/a work +10\.0 +15\.0 +µs +1\.50 +1\.50 to 1\.50/);
    expect(await scene.leftovers()).toEqual([]);
  });

  it("fails when something costs twice as much, naming it", async () => {
    await using scene = await Scene.create("micro(10);", "micro(25);");
    const { code, stderr } = await scene.compare("--fail-at", "2");
    expect(code).toBe(EXIT.someFailed);
    expect(stderr).toContain("a work (2.50 x)");
    expect(await scene.leftovers()).toEqual([]);
  });

  it("measures what looks worse again before it fails", async () => {
    const slowOnce = `
      import { existsSync, writeFileSync } from "node:fs";
      const mark = process.env.TMPDIR + "/../once";
      const isFirst = !existsSync(mark);
      writeFileSync(mark, "");
      micro(isFirst ? 50 : 11);`;
    await using scene = await Scene.create("micro(10);", slowOnce);
    const { code, stderr } = await scene.compare("--fail-at", "2");
    expect(stderr).toContain("measuring again");
    expect(code).toBe(0);
  });

  it("compares the files as they lie here, or two commits by name", async () => {
    await using scene = await Scene.create("micro(10);", "micro(20);");
    await scene.write("micro", "micro(40);");
    expect((await scene.compare("HEAD")).stdout).toMatch(/20\.0 +40\.0/);
    expect((await scene.compare("HEAD~1", "HEAD")).stdout).toMatch(/10\.0 +20\.0/);
    expect(await scene.leftovers()).toEqual([]);
  });

  it("says so and passes when there is no commit before, or the clone is shallow, or git is not to be had", async () => {
    await using first = await Scene.create("micro(10);");
    expect(await first.compare("--fail-at", "2")).toMatchObject({
      code: 0,
      stdout: "there is no commit before this one to compare with: this is the first commit",
    });
    await using full = await Scene.create("micro(10);", "micro(50);");
    await using clone = await Scene.create();
    await mustRun({
      command: "sh",
      args: [
        "-ec",
        'rm -rf "$2" && git clone --quiet --depth 1 "file://$1" "$2"',
        "sh",
        full.repository,
        clone.repository,
      ],
    });
    const shallow = await clone.compare("--fail-at", "2");
    expect(shallow.code).toBe(0);
    expect(shallow.stdout).toContain("the clone is shallow");
    await mustRun({ command: "rm", args: ["-rf", join(first.repository, ".git")] });
    const none = await first.compare("--fail-at", "2");
    expect(none.code).toBe(0);
    expect(none.stdout).toContain("not a git repository");
  });

  it("leaves out what the base cannot run, and fails when the head cannot", async () => {
    await using scene = await Scene.create("throw new Error('old');", "micro(10);");
    const { code, stdout } = await scene.compare("--fail-at", "2");
    expect(code).toBe(0);
    expect(stdout).toContain("bench:micro cannot be measured at");
    await scene.write("micro", "throw new Error('new');");
    const broken = await scene.compare("HEAD");
    expect(broken.code).toBe(EXIT.someFailed);
    expect(broken.stderr).toContain("cannot be measured at this checkout");
    expect(await scene.leftovers()).toEqual([]);
  });

  it("says in one line what is wrong with a commit that is none", async () => {
    await using scene = await Scene.create("micro(10);");
    const { code, stderr } = await scene.compare("nowhere");
    expect(code).toBe(EXIT.usage);
    expect(stderr).toBe(
      "bench:compare: nowhere cannot be compared with: there is no such commit here",
    );
  });

  it("leaves nothing behind when it is interrupted", async () => {
    await using scene = await Scene.create("setTimeout(() => {}, 60_000);", "micro(10);");
    await using comparing = await ChildProcess.start({ name: "compare", ...scene.command() });
    await comparing.waitForLine((line) => line.startsWith("bench:micro at"), {
      what: "what it measures",
    });
    expect((await comparing.stop()).code).toBe(EXIT.interrupted);
    expect(await scene.leftovers()).toEqual([]);
  });
});
