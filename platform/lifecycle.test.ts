import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";

const LIFECYCLE = new URL("./lifecycle.ts", import.meta.url).href;
const USER_ERROR = new URL("./user-error.ts", import.meta.url).href;

interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stderr: string;
}

/**
 * Runs a program whose main function has this body; `signal` is its abort signal. Whenever it writes a line to
 * standard output, the next of `signals` is sent to it.
 */
async function run(body: string, signals: readonly NodeJS.Signals[] = []): Promise<Ending> {
  const source = `
    import { runProgram } from ${JSON.stringify(LIFECYCLE)};
    import { UserError } from ${JSON.stringify(USER_ERROR)};
    const ready = () => process.stdout.write("ready\\n");
    await runProgram("tool", async (signal) => { ${body} });`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const rest = [...signals];
  child.stdout.on("data", () => {
    const next = rest.shift();
    if (next) child.kill(next);
  });
  const stderr = text(child.stderr);
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  return { code, signal, stderr: await stderr };
}

const UNTIL_ABORTED = `await new Promise((resolve) => {
  const alive = setInterval(() => {}, 1000);
  signal.addEventListener("abort", () => { clearInterval(alive); resolve(); });
  ready();
});`;

describe("a program", () => {
  it("ends with 0 when its main function returns", async () => {
    expect(await run("")).toEqual({ code: 0, signal: null, stderr: "" });
  });

  it("ends with the code of a UserError, and says its sentence and nothing else", async () => {
    const ending = await run('throw new UserError(5, "there is no such file; check the URL");');
    expect(ending).toEqual({
      code: 5,
      signal: null,
      stderr: "tool: there is no such file; check the URL\n",
    });
  });

  it("ends with one sentence where its current directory was removed", async () => {
    const ending = await run(`
      const { mkdtempSync, rmdirSync } = await import("node:fs");
      const { resolve } = await import("node:path");
      const directory = mkdtempSync("/tmp/darter-gone-");
      process.chdir(directory);
      rmdirSync(directory);
      resolve("file");`);
    const stderr = "tool: the current directory is gone; change to another one\n";
    expect(ending).toEqual({ code: 8, signal: null, stderr });
  });

  it("ends with 1 and a stack for a defect", async () => {
    const { code, stderr } = await run('throw new TypeError("a defect");');
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^tool: a defect ended the program; please report this:\nTypeError: a defect\n\s+at /,
    );
  });

  it.each(["SIGTERM", "SIGINT"] as const)(
    "is told by %s to end, and then ends well",
    async (signal) => {
      expect(await run(UNTIL_ABORTED, [signal])).toEqual({ code: 0, signal: null, stderr: "" });
    },
  );

  it("that gives its signal's reason as its error ends as interrupted", async () => {
    const ending = await run(`${UNTIL_ABORTED} signal.throwIfAborted();`, ["SIGINT"]);
    expect(ending).toEqual({ code: 11, signal: null, stderr: "tool: interrupted\n" });
  });

  it("that does not end is ended at once by a second signal", async () => {
    const deaf = `signal.addEventListener("abort", ready);
      await new Promise(() => { setInterval(() => {}, 1000); ready(); });`;
    expect(await run(deaf, ["SIGTERM", "SIGTERM"])).toEqual({ code: 11, signal: null, stderr: "" });
  });
});
