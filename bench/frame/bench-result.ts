import type { MachineDescription } from "./machine-description.ts";

/**
 * What every result of a bench says besides its figures, which stand beside these keys in the one JSON object. Figures are named
 * with their unit at the end; `samples` holds what they were computed of.
 */
export interface BenchFrame {
  /** `load` for bench:load. */
  readonly bench: string;
  /** As ISO 8601 in UTC, when the measuring began. */
  readonly measured_at: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** What everything random was drawn from; null where nothing is. */
  readonly seed: number | null;
  readonly machine: MachineDescription & {
    readonly load_average_before: number;
    readonly load_average_after: number;
  };
  readonly commit: string | null;
  readonly versions: Readonly<Record<string, string>>;
  readonly samples: unknown;
}

/** The one JSON object that a bench prints with `--json` and writes with `--output`. */
export type BenchResult<Figures> = Figures & BenchFrame;

/** What a bench measured, before it is put into its frame. */
export interface BenchMeasurement<Figures extends object> {
  readonly figures: Figures;
  readonly samples: unknown;
}
