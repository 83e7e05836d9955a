import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { EXIT } from "../../platform/user-error.ts";
import { ChildProcess } from "../harness/child-process.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { networkPrefix } from "../harness/network-leftovers.ts";
import { runCommand } from "../harness/run-command.ts";
import { processesMentioning } from "../harness/stray-processes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";
import { until } from "../harness/until.ts";

const MAIN = join(import.meta.dirname, "..", "..", "bench", "fleet", "main.ts");

describeWhere(
  ["linux", "namespaces", "nginx", "ip", "tc", "nsenter", "curl"],
  "the fleet bench",
  () => {
    it("measures a small fleet in zones and says it in one JSON object", async () => {
      await using place = await TemporaryDirectory.create("place");
      const { code, stdout, stderr } = await runCommand({
        command: process.execPath,
        args: [MAIN, ..."--nodes 4 --size 8MiB --zones 2 --zone-mbit 80 --json".split(" ")],
        env: { TMPDIR: place.path },
        timeoutMs: 150_000,
      });
      expect(stderr).toBe("");
      expect(code).toBe(0);
      const report = JSON.parse(stdout) as Record<string, number>;
      expect(Object.keys(report).sort()).toEqual(KEYS);
      expect(report["bound_s"]).toBeCloseTo(0.8771, 3);
      // The first 64 KiB of each link are not held back, which is no tenth of what is sent.
      expect(report["ratio"]).toBeGreaterThan(0.9);
      expect(report["ratio"]).toBeLessThan(60);
      expect(report["last_s"]).toBeCloseTo(report["ratio"]! * report["bound_s"]!, 2);
      expect(report["first_byte_s"]).toBeGreaterThan(0);
      expect(report["first_byte_s"]).toBeLessThanOrEqual(report["half_s"]!);
      expect(report["half_s"]).toBeLessThanOrEqual(report["last_s"]!);
      expect(report["p50_s"]).toBeLessThanOrEqual(report["p99_s"]!);
      expect(report["direct_last_s"]).toBeGreaterThan(3);
      expect(report["origin_requests"]).toBe(1);
      expect(report["origin_bytes_ratio"]).toBe(1);
      expect(report["seed_ratio"]).toBeGreaterThanOrEqual(1);
      expect(report["seed_ratio"]).toBeLessThan(4);
      expect(report["cross_zone_ratio"]).toBeGreaterThanOrEqual(1);
      expect(report["supernode_cpu_s"]).toBeGreaterThan(0);
      expect(report["options"]).toMatchObject({ nodeCount: 4, fileLengthsBytes: [8 * 1024 ** 2] });
      expect(await readdir(place.path)).toEqual([]);
    });

    it("leaves nothing behind when it is interrupted while nodes download", async () => {
      await using place = await TemporaryDirectory.create("place");
      const bench = await ChildProcess.start({
        name: "bench",
        command: process.execPath,
        args: [MAIN, ..."--nodes 2 --size 64MiB --mbit 20 --no-direct".split(" ")],
        env: { TMPDIR: place.path },
      });
      await using _bench = bench;
      const says = "through Darter, run 1 of 1";
      await bench.waitForLine((line) => line === says, { what: says, timeoutMs: 60_000 });
      await until(async () => (await processesMentioning(place.path)).length >= 3, {
        what: "the fleet to run",
        timeoutMs: 30_000,
      });
      const exit = await bench.stop();
      expect(exit.code).toBe(EXIT.interrupted);
      expect(bench.stdout.text).toBe("");
      expect(await processesMentioning(place.path)).toEqual([]);
      expect(await readdir(place.path)).toEqual([]);
      const prefix = networkPrefix(bench.pid, 0);
      const left = await readdir("/run/netns").catch(() => []);
      expect(left.filter((name) => name.startsWith(prefix))).toEqual([]);
    });
  },
);

const KEYS = [
  "bound_s",
  "commit",
  "cross_zone_ratio",
  "details",
  "direct_last_s",
  "first_byte_s",
  "half_s",
  "last_s",
  "machine",
  "options",
  "origin_bytes_ratio",
  "origin_requests",
  "p50_s",
  "p99_s",
  "ratio",
  "seed_ratio",
  "supernode_cpu_s",
  "supernode_messages_per_piece",
  "versions",
];
