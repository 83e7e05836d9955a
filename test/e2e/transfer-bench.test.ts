import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ROW_NAMES } from "../../bench/transfer/bench-rows.ts";
import { EXIT } from "../../platform/user-error.ts";
import { ChildProcess } from "../harness/child-process.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { runCommand } from "../harness/run-command.ts";
import { processesMentioning } from "../harness/stray-processes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";

const MAIN = join(import.meta.dirname, "..", "..", "bench", "transfer", "main.ts");

describeWhere(["linux", "nginx", "curl", "aria2c", "time"], "the transfer bench", () => {
  it("measures all rows and says it in one JSON object", async () => {
    await using place = await TemporaryDirectory.create("place");
    const { code, stdout, stderr } = await runCommand({
      command: process.execPath,
      args: [MAIN, ..."--size 16MiB --rounds 1 --streaming --json".split(" ")],
      env: { TMPDIR: place.path },
      timeoutMs: 120_000,
    });
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as {
      rows: Record<string, number | string>[];
      streaming: Record<string, number>[];
    };
    for (const figures of report.streaming) {
      expect(figures["cold_s"]).toBeGreaterThan(0);
      expect(figures["warm_to_nginx_ratio"]).toBeGreaterThan(0);
      expect(figures["cold_first_byte_ms"]).toBeGreaterThan(0);
    }
    expect(report.streaming.length).toBeGreaterThan(0);
    expect(report.rows.map(({ name }) => name)).toEqual(ROW_NAMES);
    for (const row of report.rows) {
      expect(row["mb_per_s"], String(row["name"])).toBeGreaterThan(1);
      expect(row["peak_rss_mb"], String(row["name"])).toBeGreaterThan(1);
      expect(row["client_cpu_s_per_gb"], String(row["name"])).toBeGreaterThanOrEqual(0);
      expect(row["server_cpu_s_per_gb"], String(row["name"])).toBeGreaterThanOrEqual(0);
    }
    expect(await processesMentioning(place.path)).toEqual([]);
    expect(await readdir(place.path)).toEqual([]);
  });

  it("leaves nothing behind when it is interrupted", async () => {
    await using place = await TemporaryDirectory.create("place");
    await using bench = await ChildProcess.start({
      name: "bench",
      command: process.execPath,
      args: [
        MAIN,
        ..."--size 256MiB --rounds 50 --row darter>darter --row nginx>aria2c".split(" "),
      ],
      env: { TMPDIR: place.path },
    });
    await bench.waitForLine((line) => line.startsWith("round 1 of 50"), {
      what: "what the first round gave",
      timeoutMs: 60_000,
    });
    expect((await bench.stop()).code).toBe(EXIT.interrupted);
    expect(bench.stdout.text).toBe("");
    expect(await processesMentioning(place.path)).toEqual([]);
    expect(await readdir(place.path)).toEqual([]);
  });
});
