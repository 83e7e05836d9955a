import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { BenchResult } from "../../bench/frame/bench-result.ts";
import type { LoadFigures } from "../../bench/load/load-figures.ts";
import { EXIT } from "../../platform/user-error.ts";
import { ChildProcess } from "../harness/child-process.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { runCommand } from "../harness/run-command.ts";
import { processesMentioning } from "../harness/stray-processes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";

const MAIN = join(import.meta.dirname, "..", "..", "bench", "load", "main.ts");

describeWhere(["linux"], "the load bench", () => {
  it("measures everything small, while a second run is told that it would disturb", async () => {
    await using place = await TemporaryDirectory.create("place");
    await using kept = await TemporaryDirectory.create("kept");
    const output = kept.join("result.json");
    const env = { TMPDIR: place.path };
    await using bench = await ChildProcess.start({
      name: "bench",
      command: process.execPath,
      args: [MAIN, "--quick", "--output", output],
      env,
    });
    const says = "100 idle nodes";
    await bench.waitForLine((line) => line.startsWith(says), { what: says, timeoutMs: 60_000 });
    const second = await runCommand({
      command: process.execPath,
      args: [MAIN, "--quick", "--json"],
      env,
      timeoutMs: 60_000,
    });
    expect(second.stderr).toBe(
      `bench:load: another run of bench:load is going on (process ${bench.pid}); the two would measure each other, so wait for it or end it`,
    );
    expect(second.code).toBe(EXIT.addressInUse);
    expect((await bench.exited).code, bench.lastWords()).toBe(0);
    expect(bench.stdout.text).toContain("Joins of one task");
    expectPlausible(JSON.parse(await readFile(output, "utf8")) as BenchResult<LoadFigures>);
    expect(await processesMentioning(place.path)).toEqual([]);
    expect(await readdir(place.path)).toEqual([]);
  });

  it("leaves nothing behind when it is interrupted while nodes are connected", async () => {
    await using place = await TemporaryDirectory.create("place");
    await using bench = await ChildProcess.start({
      name: "bench",
      command: process.execPath,
      args: [MAIN, ..."--part idle --nodes 10,20 --window 60s".split(" ")],
      env: { TMPDIR: place.path },
    });
    await bench.waitForLine((line) => line.startsWith("watching 10 idle nodes"), {
      what: "that it watches nodes",
      timeoutMs: 60_000,
    });
    expect((await bench.stop()).code).toBe(EXIT.interrupted);
    expect(bench.stdout.text).toBe("");
    expect(bench.stderr.lines.at(-1)).toBe("bench:load: interrupted; nothing is left behind");
    expect(await processesMentioning(place.path)).toEqual([]);
    expect(await readdir(place.path)).toEqual([]);
  });
});

function expectPlausible(result: BenchResult<LoadFigures>): void {
  expect(result).toMatchObject({ bench: "load", seed: 1, options: { isQuick: true } });
  expect(result.machine.cores).toBeGreaterThan(0);
  expect(result.versions["node"]).toBe(process.version);
  const { idle, joins, ramp, active, proxy, routes, samples } = result;
  expect(idle).toMatchObject({ nodes: 100 });
  expect(idle!.rss_mb).toBeGreaterThan(50);
  expect(idle!.rss_mb).toBeLessThan(1000);
  expect(idle!.cpu_fraction).toBeLessThan(1);
  expect(joins).toMatchObject({ per_s: 200, joins: 100, unanswered: 0 });
  expect(joins!.p50_ms).toBeGreaterThan(0);
  expect(joins!.p99_ms).toBeGreaterThanOrEqual(joins!.p50_ms);
  expect((samples as { joins_ms: number[][] }).joins_ms[0]).toHaveLength(100);
  expect(ramp!.steps.length).toBeGreaterThan(0);
  expect(active).toMatchObject({ peers: 40, tasks: 2, stalled: 0 });
  expect(active!.frames_per_s).toBeGreaterThan(20);
  expect(active!.downloads_per_s).toBeGreaterThan(0);
  expect(Object.keys(proxy!)).toEqual([
    "manifest_rps",
    "manifest_p99_ms",
    "blob_rps",
    "blob_p99_ms",
    "range_mb_per_s",
  ]);
  for (const figure of Object.values(proxy!)) expect(figure).toBeGreaterThan(0);
  for (const { server, route, state, rps, p50_ms, p99_ms } of routes) {
    expect(rps, `${server}, ${route}, ${state}`).toBeGreaterThan(1);
    expect(p99_ms).toBeGreaterThanOrEqual(p50_ms);
  }
  // What is in the node's store comes sooner than what has to be fetched through the swarm.
  const median = (state: string): number =>
    routes.find((each) => each.route === "manifest" && each.state === state)!.p50_ms;
  expect(median("warm")).toBeLessThan(median("cold") * 2);
}
