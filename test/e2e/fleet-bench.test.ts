import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { BenchReport as FleetReport } from "../../bench/fleet/bench-report.ts";
import { PAYLOAD_FACTOR } from "../../bench/fleet/payload-rate.ts";
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
  ["linux", "namespaces", "nginx", "ip", "tc", "nsenter", "curl", "unshare"],
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
      // Where the kernel counts long packets before it cuts them, there are fewer headers than reckoned with.
      expect(report["cross_zone_ratio"]).toBeGreaterThanOrEqual(PAYLOAD_FACTOR);
      expect(report["supernode_cpu_s"]).toBeGreaterThan(0);
      expect(report["simulated"]).toMatchObject({ deviation: expect.any(Number) as number });
      expect(report["options"]).toMatchObject({ nodeCount: 4, fileLengthsBytes: [8 * 1024 ** 2] });
      expect(await readdir(place.path)).toEqual([]);
    });

    it("measures profiles one after the other and keeps each result", async () => {
      await using place = await TemporaryDirectory.create("place");
      await using kept = await TemporaryDirectory.create("kept");
      const { code, stdout, stderr } = await runCommand({
        command: process.execPath,
        args: [
          MAIN,
          ..."--profile lazy,warm-update --nodes 3 --mbit 200 --read-size 64KiB --json".split(" "),
          ..."--size 8MiB --warm-up 0 --no-simulate --save-in".split(" "),
          kept.path,
        ],
        env: { TMPDIR: place.path },
        timeoutMs: 150_000,
      });
      expect(stderr).toBe("");
      expect(code).toBe(0);
      const { reports } = JSON.parse(stdout) as { reports: FleetReport[] };
      const [lazy, update] = reports;
      if (lazy === undefined || update === undefined) throw new Error("a report is missing");
      expect(lazy).toMatchObject({ profile: "lazy", reads: { count: 288 } });
      expect(lazy.against[0]).toMatchObject({ name: "direct", reads: { count: 288 } });
      expect(lazy.details.nodes[2]?.read_ms).toHaveLength(96);
      expect(lazy.details.received_ratios.peer).toBeGreaterThan(0);
      expect(update).toMatchObject({ profile: "warm-update", reads: null, origin_requests: 1 });
      // What the nodes hold already comes from nowhere again.
      const { seed, peer, origin } = update.details.received_ratios;
      expect(seed + peer + origin).toBeGreaterThanOrEqual(3);
      expect(seed + peer + origin).toBeLessThan(3.2);
      const names = (await readdir(kept.path)).sort();
      expect(names).toHaveLength(2);
      expect(names[0]).toMatch(/^fleet-lazy-3-\w+(-changes)?\.json$/);
      const text = await readFile(kept.join(names[1] ?? ""), "utf8");
      expect(JSON.parse(text)).toEqual(update);
      expect(await readdir(place.path)).toEqual([]);
    });

    it("says in one line that another one runs", async () => {
      await using place = await TemporaryDirectory.create("place");
      const first = await ChildProcess.start({
        name: "bench",
        command: process.execPath,
        args: [MAIN, ..."--nodes 1 --size 64MiB --mbit 10".split(" ")],
        env: { TMPDIR: place.path },
      });
      await using _first = first;
      const says = "writing the files of the origin";
      await first.waitForLine((line) => line === says, { what: says, timeoutMs: 60_000 });
      const second = await runCommand({
        command: process.execPath,
        args: [MAIN, "--nodes", "1"],
        env: { TMPDIR: place.path },
      });
      expect(second.code).toBe(EXIT.addressInUse);
      expect(second.stderr).toMatch(/^bench:fleet: [^\n]*\bprocess \d+\b[^\n]*$/);
      expect((await first.stop()).code).toBe(EXIT.interrupted);
      expect(await readdir(place.path)).toEqual([]);
    });

    it.each([
      [["--nodes", "none"], "none"],
      [["--nodes", "0"], "--nodes"],
      [["--profile", "brust"], "brust"],
      [["--size", "-1"], "--size"],
      [["--kill", "everything"], "everything"],
      [["--hosts", "8"], "--hosts"],
      [["eight"], "eight"],
      [["--save-in", "/nowhere"], "/nowhere"],
    ])("says in one line what is wrong with %j", async (args, named) => {
      const { code, stdout, stderr } = await runCommand({
        command: process.execPath,
        args: [MAIN, ...args],
      });
      expect(code).toBe(named === "/nowhere" ? EXIT.localFile : EXIT.usage);
      expect(stdout).toBe("");
      expect(stderr).toMatch(/^bench:fleet: [^\n]+$/);
      expect(stderr).toContain(named);
    });

    it("says in one line that it needs root", async () => {
      const { code, stderr } = await runCommand({
        command: "setpriv",
        args: ["--reuid", "65534", "--clear-groups", process.execPath, MAIN],
      });
      expect(code).toBe(EXIT.usage);
      expect(stderr).toMatch(/^bench:fleet: [^\n]*needs root[^\n]*$/);
    });

    it("says in one line that it needs iproute2", async () => {
      const script =
        'for tool in $(which -a ip tc); do mount --bind /dev/null "$(readlink -f "$tool")"; done; exec "$@"';
      const { code, stderr } = await runCommand({
        command: "unshare",
        args: ["--mount", "sh", "-c", script, "sh", process.execPath, MAIN],
      });
      expect(code).toBe(EXIT.usage);
      expect(stderr).toMatch(
        /^bench:fleet: [^\n]*\bip is not installed; tc is not installed[^\n]*$/,
      );
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
  "against",
  "bench",
  "bound_s",
  "commit",
  "cross_zone_ratio",
  "details",
  "direct_last_s",
  "first_byte_s",
  "half_s",
  "last_s",
  "machine",
  "measured_at",
  "options",
  "origin_bytes_ratio",
  "origin_requests",
  "p50_s",
  "p99_s",
  "profile",
  "ratio",
  "reads",
  "samples",
  "seed",
  "seed_ratio",
  "simulated",
  "supernode_cpu_s",
  "supernode_messages_per_piece",
  "versions",
];
