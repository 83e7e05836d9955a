import type { MachineDescription } from "../frame/machine-description.ts";
import { percentile } from "../fleet/statistics.ts";
import type { Measurement, RowName } from "./bench-rows.ts";
import type { StreamingFigures } from "./streaming-bench.ts";
import type { Measurements, TransferBenchOptions } from "./transfer-bench.ts";

/** One row of the result: medians over the rounds. Rates are of 10^6 bytes, costs per 10^9. */
export interface ReportRow {
  readonly name: RowName;
  readonly mb_per_s: number;
  readonly server_cpu_s_per_gb: number;
  readonly client_cpu_s_per_gb: number;
  readonly peak_rss_mb: number;
  readonly loop_delay_p99_ms: number | null;
  /** CPU of the single processes, where several of them serve. */
  readonly server_cpu_s_per_gb_by_process: Readonly<Record<string, number>> | null;
  readonly mb_per_s_of_rounds: readonly number[];
}

export interface TransferReport {
  readonly rows: readonly ReportRow[];
  readonly streaming: readonly StreamingFigures[];
  readonly options: TransferBenchOptions;
  readonly machine: MachineDescription & {
    readonly load_average_before: number;
    readonly load_average_after: number;
  };
  readonly commit: string | null;
  readonly versions: Readonly<Record<string, string>>;
}

/** The rows of the result. */
export function reportRows(measurements: Measurements, lengthBytes: number): readonly ReportRow[] {
  const gigabytes = lengthBytes / 1e9;
  return [...measurements].map(([name, all]) => {
    const median = (figure: (each: Measurement) => number): number =>
      rounded(percentile(all.map(figure), 0.5));
    const delays = all.flatMap((each) => each.loopDelayMsP99 ?? []);
    const parts = Object.keys(all[0]?.processes ?? {});
    return {
      name,
      mb_per_s: median((each) => lengthBytes / each.seconds / 1e6),
      server_cpu_s_per_gb: median((each) => each.serverCpuSeconds / gigabytes),
      client_cpu_s_per_gb: median((each) => each.clientCpuSeconds / gigabytes),
      peak_rss_mb: median((each) => each.peakRssBytes / 1e6),
      loop_delay_p99_ms: delays.length === 0 ? null : rounded(percentile(delays, 0.5)),
      server_cpu_s_per_gb_by_process:
        parts.length === 0
          ? null
          : Object.fromEntries(
              parts.map((part) => [part, median((each) => each.processes![part]! / gigabytes)]),
            ),
      mb_per_s_of_rounds: all.map((each) => Math.round(lengthBytes / each.seconds / 1e6)),
    };
  });
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
