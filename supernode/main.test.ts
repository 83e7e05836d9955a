import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

import { ChildProcess } from "../test/harness/child-process.ts";
import { runCommand } from "../test/harness/run-command.ts";
import { TemporaryDirectory } from "../test/harness/temporary-directory.ts";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));

async function run(...args: readonly string[]) {
  return await runCommand({ command: process.execPath, args: [MAIN, ...args] });
}

describe("the supernode as a program", () => {
  it("says on one line where it is ready, and ends by itself on SIGTERM", async () => {
    await using directory = await TemporaryDirectory.create("main");
    await using child = await ChildProcess.start({
      name: "supernode",
      command: process.execPath,
      args: [MAIN, "--listen", "127.0.0.1:0", "--data-dir", directory.path],
    });
    const line = await child.waitForLine((text) => text.includes('"ready"'), {
      what: "ready",
    });
    const record = JSON.parse(line) as { what: string; address: string };
    expect(record.what).toBe("supernode");
    expect((await fetch(`http://${record.address}/readyz`)).status).toBe(200);
    expect(await child.stop()).toEqual({ code: 0, signal: null });
  });

  it.each([
    [["--nonsense"], 2, "--nonsense"],
    [["--listen", "nowhere"], 2, "--listen nowhere is not HOST:PORT"],
    [["--allow-origin", "http://x"], 2, '--allow-origin "http://x" is neither'],
    [["--config", "/no/such/file"], 2, "/no/such/file"],
    [["--upload-slots", "0"], 2, "--upload-slots"],
    [["--heartbeat", "0"], 2, "--heartbeat (heartbeat), in milliseconds, is 0: must be >= 1000"],
    [["--advertise", "10.0.0.1:0"], 2, "--advertise 10.0.0.1:0 must name a port above 0"],
    [["--data-dir="], 2, '--data-dir (dataDir) is ""'],
  ])("refuses %j by one sentence", async (args, code, sentence) => {
    const result = await run(...args);
    expect(result.code).toBe(code);
    expect(result.stderr).toContain(sentence);
    expect(result.stderr.trim().split("\n")).toHaveLength(1);
  });

  it("refuses a data directory that is a file, and one that is in use", async () => {
    await using directory = await TemporaryDirectory.create("main");
    await writeFile(directory.join("file"), "");
    const asFile = await run("--listen", "127.0.0.1:0", "--data-dir", directory.join("file"));
    expect([asFile.code, asFile.stderr.trim().split("\n").length]).toEqual([8, 1]);
    const dataDir = directory.join("data");
    await using child = await ChildProcess.start({
      name: "supernode",
      command: process.execPath,
      args: [MAIN, "--listen", "127.0.0.1:0", "--data-dir", dataDir],
    });
    const line = await child.waitForLine((text) => text.includes('"ready"'), {
      what: "ready",
    });
    const inUse = await run("--listen", "127.0.0.1:0", "--data-dir", dataDir);
    expect([inUse.code, inUse.stderr.trim().split("\n").length]).toEqual([8, 1]);
    const { address } = JSON.parse(line) as { address: string };
    const taken = await run("--listen", address, "--data-dir", directory.join("other"));
    expect([taken.code, taken.stderr.trim().split("\n").length]).toEqual([10, 1]);
  });
});
