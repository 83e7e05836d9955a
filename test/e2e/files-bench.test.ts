import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";

import { EXIT } from "../../platform/user-error.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { runCommand } from "../harness/run-command.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";

const MAIN = join(import.meta.dirname, "..", "..", "bench", "files", "main.ts");

describeWhere(
  ["namespaces", "nginx", "wget", "time", "ip", "tc", "nsenter"],
  "the files bench",
  () => {
    it("fetches two trees from afar on two hosts at once, finds them the same, and says so in one JSON object", async () => {
      await using place = await TemporaryDirectory.create("place");
      const options = "--part far --files 60 --nodes 2 --rounds 1 --json";
      // By npm, which builds the programs first.
      const { code, stdout, stderr } = await runCommand({
        command: "npm",
        args: `run --silent bench:files -- ${options}`.split(" "),
        env: { TMPDIR: place.path },
        timeoutMs: 120_000,
      });
      expect(stderr).toBe("");
      expect(code).toBe(0);
      const { trees } = JSON.parse(stdout) as { trees: Record<string, string | number>[] };
      expect(trees.map(({ state }) => state)).toEqual(["cold", "warm"]);
      for (const tree of trees) {
        expect(tree).toMatchObject({ place: "far", file_count: 60, origin_requests: 60 });
        // Sixty answers, one after the other, each a millisecond under way.
        expect(tree["wget_s"]).toBeGreaterThan(0.06);
        expect(tree["dfget_s"]).toBeGreaterThan(0);
      }
      // The build may leave what Node has compiled of its tools.
      const left = await readdir(place.path);
      expect(left.filter((name) => name !== "node-compile-cache")).toEqual([]);
    });

    it(
      "finds four nodes at once no slower than wget on one, each file asked for once, from an origin 5 ms away",
      { timeout: 260_000 },
      async () => {
        await using place = await TemporaryDirectory.create("place");
        const options = "--part far --round-trip 5ms --files 2000 --nodes 4 --rounds 1 --json";
        const { code, stdout, stderr } = await runCommand({
          command: "npm",
          args: `run --silent bench:files -- ${options}`.split(" "),
          env: { TMPDIR: place.path },
          timeoutMs: 240_000,
        });
        expect(stderr).toBe("");
        expect(code).toBe(0);
        const { trees } = JSON.parse(stdout) as { trees: Record<string, string | number>[] };
        expect(trees.map(({ state }) => state)).toEqual(["cold", "warm"]);
        console.info(trees.map((tree) => `${tree["state"]} ${tree["dfget_to_wget_ratio"]}`).join());
        for (const tree of trees) {
          expect(tree).toMatchObject({ file_count: 2000, node_count: 4, origin_requests: 2000 });
          expect(tree["dfget_to_wget_ratio"]).toBeLessThanOrEqual(1);
        }
      },
    );

    it("knows its parts", async () => {
      const { code, stderr } = await runCommand({
        command: process.execPath,
        args: [MAIN, "--part", "near"],
      });
      expect(code).toBe(EXIT.usage);
      expect(stderr).toContain("--part must be one of loopback, hosts, far, single");
    });
  },
);
