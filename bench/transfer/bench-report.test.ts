import { describe, expect, it } from "vitest";

import { reportRows } from "./bench-report.ts";
import type { Measurement } from "./bench-rows.ts";

function measurement(seconds: number, more: Partial<Measurement> = {}): Measurement {
  return { seconds, serverCpuSeconds: 1, clientCpuSeconds: 2, peakRssBytes: 3e6, ...more };
}

describe("the report of the transfer bench", () => {
  it("names the median of the rounds, in 10^6 bytes a second and CPU seconds per 10^9 bytes", () => {
    const rounds = [4, 1, 2].map((seconds) => measurement(seconds, { loopDelayMsP99: seconds }));
    const [row] = reportRows(new Map([["darter>darter", rounds]]), 2e9);
    expect(row).toEqual({
      name: "darter>darter",
      mb_per_s: 1000,
      server_cpu_s_per_gb: 0.5,
      client_cpu_s_per_gb: 1,
      peak_rss_mb: 3,
      loop_delay_p99_ms: 2,
      server_cpu_s_per_gb_by_process: null,
      mb_per_s_of_rounds: [500, 2000, 1000],
    });
  });

  it("tells the CPU of each process of a row with several", () => {
    const rounds = [measurement(1, { processes: { nginx: 1, proxy: 3 } })];
    const [row] = reportRows(new Map([["proxy>curl", rounds]]), 1e9);
    expect(row?.server_cpu_s_per_gb_by_process).toEqual({ nginx: 1, proxy: 3 });
    expect(row?.loop_delay_p99_ms).toBeNull();
  });
});
