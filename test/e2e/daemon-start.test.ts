import { expect, it, onTestFailed } from "vitest";
import { runProgramToEnd } from "../harness/darter-programs.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { FaultyOrigin } from "../harness/faulty-origin.ts";
import { startFleet } from "../harness/fleet.ts";
import { isAlive } from "../harness/process-figures.ts";
import { bytesDigest, fileDigest, seededBytes } from "../harness/seeded-bytes.ts";
import { processesMentioning } from "../harness/stray-processes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";
import { until } from "../harness/until.ts";

const IDLE_EXIT_MS = 5000;

describeWhere(["linux"], "dfget where no daemon runs", () => {
  it("starts one, which serves the next download too and leaves when it is idle", async () => {
    await using origin = await FaultyOrigin.start();
    await using fleet = await startFleet({
      nodeProgram: "dfget",
      nodeCount: 0,
      allowOrigins: [origin.authority],
    });
    onTestFailed(() => console.error(fleet.lastWords()));
    await using home = await TemporaryDirectory.create("home");
    await using _guard = killingProcessesOf(home.path);
    const daemon = [
      ["--socket", home.join("dfget.sock")],
      ["--data-dir", home.join("data")],
      ["--supernode", fleet.supernodeUrl],
      ["--allow-origin", origin.authority],
      ["--idle-exit", `${IDLE_EXIT_MS}ms`],
    ].flat();
    const daemonPids = new Set<number>();
    for (const name of ["first", "second"]) {
      const content = seededBytes(name, 2_000_000);
      const url = origin.serve(`/${name}`, { content });
      const result = await runProgramToEnd("dfget", {
        args: [url, "-o", home.join(name), ...daemon, "--quiet"],
      });
      expect(result.stderr).toBe("");
      expect(result.code).toBe(0);
      expect(await fileDigest(home.join(name))).toBe(bytesDigest(content));
      for (const pid of await processesMentioning(home.join("dfget.sock"))) daemonPids.add(pid);
    }
    expect(daemonPids.size).toBe(1);
    for (const pid of daemonPids) {
      await until(async () => !(await isAlive(pid)), {
        what: `the idle daemon ${pid} to leave`,
        timeoutMs: IDLE_EXIT_MS + 15_000,
      });
    }
  });
});

/** At disposal, ends what a failed test left running: processes whose command line names the directory. */
function killingProcessesOf(path: string): AsyncDisposable {
  return {
    [Symbol.asyncDispose]: async () => {
      for (const pid of await processesMentioning(path)) {
        process.kill(pid, "SIGKILL");
        await until(async () => !(await isAlive(pid)), {
          what: `the daemon ${pid} to end`,
        });
      }
    },
  };
}
