import { defineConfig } from "vitest/config";

const noBenchmarks = { include: [] };

/** What is waited for comes at once on an idle machine and late on a busy one; its default is a second. */
const patience = { poll: { timeout: 30_000, interval: 20 } };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: [
            "{protocol,platform,store,supernode,dfget,registry-proxy,bench}/**/*.test.ts",
            "test/*.test.ts",
          ],
          benchmark: noBenchmarks,
          expect: patience,
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "simulation",
          include: ["test/simulation/**/*.test.ts"],
          benchmark: noBenchmarks,
          expect: patience,
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          benchmark: noBenchmarks,
          expect: patience,
          globalSetup: ["test/harness/machine-setup.ts"],
          // Hosts, ports and link shaping are shared by the machine: one file at a time.
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
