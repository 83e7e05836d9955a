import { defineConfig } from "vitest/config";

const noBenchmarks = { include: [] };

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
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "simulation",
          include: ["test/simulation/**/*.test.ts"],
          benchmark: noBenchmarks,
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          benchmark: noBenchmarks,
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
