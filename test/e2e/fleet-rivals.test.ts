import { existsSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { BenchReport } from "../../bench/fleet/bench-report.ts";
import { EXIT } from "../../platform/user-error.ts";
import { STAND_INS, writeStandIns } from "../fixtures/rival-stand-ins.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { runCommand } from "../harness/run-command.ts";
import type { CommandResult } from "../harness/run-command.ts";
import { processesMentioning } from "../harness/stray-processes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";

const MAIN = join(import.meta.dirname, "..", "..", "bench", "fleet", "main.ts");

async function bench(place: string, ...args: readonly string[]): Promise<CommandResult> {
  return await runCommand({
    command: process.execPath,
    args: [
      MAIN,
      ..."--nodes 2 --sizes 2MiB,300KiB --mbit 400 --warm-up 64KiB --no-direct --no-simulate --json".split(
        " ",
      ),
      ...args,
    ],
    env: { TMPDIR: place },
    timeoutMs: 120_000,
  });
}

describeWhere(
  ["linux", "namespaces", "nginx", "ip", "tc", "nsenter", "curl", "unshare", "containerd", "ctr"],
  "the fleet bench against other systems",
  () => {
    it("starts each of them on the same hosts, checks what it brings, and says how it was set up", async () => {
      await using place = await TemporaryDirectory.create("place");
      await using programs = await TemporaryDirectory.create("programs");
      for (const system of STAND_INS) await writeStandIns(system, programs.join(system));
      const hadNginxPlace = existsSync("/tmp/nginx");
      const against = STAND_INS.flatMap((system) => ["--against", programs.join(system)]);
      const { code, stdout, stderr } = await bench(place.path, ...against);
      expect(stderr).toBe("");
      expect(code).toBe(0);
      const report = JSON.parse(stdout) as BenchReport;
      expect(report.against.map(({ name, versions }) => [name, Object.values(versions)])).toEqual([
        ["Dragonfly 1", ["0.4.1-stand-in"]],
        ["Dragonfly 2", ["2.5.1-stand-in"]],
        ["Kraken", ["v0.1.4-stand-in"]],
        ["Spegel", ["v0.6.0-stand-in"]],
      ]);
      for (const rival of report.against) {
        expect(rival.nodes).toHaveLength(2);
        expect(rival.last_s).toBeGreaterThan(0);
        expect(rival.origin_requests).toBeGreaterThan(0);
        const shown = JSON.stringify(rival.configuration);
        expect(shown).toContain("on each host");
        expect(shown).not.toContain(place.path);
      }
      // Each host went to the origin itself: two files, with a manifest and a configuration each.
      expect(report.against[3]?.origin_bytes_ratio).toBeGreaterThanOrEqual(2);
      expect(report.against[0]?.configuration["supernode.yml"]).toContain("downloadPort: 8001");
      expect(await processesMentioning(place.path)).toEqual([]);
      expect(await readdir(place.path)).toEqual([]);
      expect(existsSync("/tmp/nginx")).toBe(hadNginxPlace);
    });

    it("fails with what the program said when a pull fails, and leaves nothing behind", async () => {
      await using place = await TemporaryDirectory.create("place");
      await using programs = await TemporaryDirectory.create("programs");
      await writeStandIns("dragonfly-1", programs.path);
      await writeFile(programs.join("dfget.mjs"), `throw new Error("out of order");`);
      const { code, stderr } = await bench(place.path, "--against", programs.path);
      expect(code).toBe(EXIT.internal);
      expect(stderr).toContain("out of order");
      expect(await processesMentioning(place.path)).toEqual([]);
      expect(await readdir(place.path)).toEqual([]);
    });

    it("refuses in one line what is no directory with a known system", async () => {
      await using place = await TemporaryDirectory.create("place");
      await mkdir(place.join("empty"));
      for (const path of [place.join("nowhere"), place.join("empty")]) {
        const { code, stderr } = await bench(place.path, "--against", path);
        expect(code).toBe(EXIT.usage);
        expect(stderr).toMatch(/^bench:fleet: --against [^\n]+$/);
        expect(stderr).toContain(path);
      }
    });
  },
);
