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
    it("fetches a tree from afar on two hosts at once, finds it the same, and says so in one JSON object", async () => {
      await using place = await TemporaryDirectory.create("place");
      const { code, stdout, stderr } = await runCommand({
        command: process.execPath,
        args: [MAIN, ..."--part far --files 60 --nodes 2 --rounds 1 --json".split(" ")],
        env: { TMPDIR: place.path },
        timeoutMs: 60_000,
      });
      expect(stderr).toBe("");
      expect(code).toBe(0);
      const { trees } = JSON.parse(stdout) as { trees: Record<string, number>[] };
      expect(trees).toHaveLength(1);
      expect(trees[0]).toMatchObject({ place: "far", file_count: 60, origin_requests: 60 });
      // Sixty answers, one after the other, each a millisecond under way.
      expect(trees[0]!["wget_s"]).toBeGreaterThan(0.06);
      expect(trees[0]!["dfget_s"]).toBeGreaterThan(0);
      expect(await readdir(place.path)).toEqual([]);
    });

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
