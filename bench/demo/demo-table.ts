import { formatByteCount } from "../../platform/quantity.ts";
import type { ReceivedBytes } from "../../test/harness/fleet-metrics.ts";

/** One node of the demo, after its pull. */
export interface NodeResult {
  readonly durationMs: number;
  readonly received: ReceivedBytes;
}

/** What the demo measured. */
export interface DemoResult {
  readonly nodes: readonly NodeResult[];
  /** How long each pull straight from the registry took. */
  readonly directMs: readonly number[];
  readonly directSentBytes: number;
  /** What the registry sent while the nodes pulled. */
  readonly sentBytes: number;
  readonly imageBytes: number;
}

/** The table that the demo ends with, and what it means. */
export function resultText(result: DemoResult): string {
  const rows = [
    ["node", "seconds", "from origin", "from seed", "from peers"],
    ...result.nodes.map(({ durationMs, received }, i) => [
      String(i + 1),
      seconds(durationMs),
      ...[received.origin, received.seed, received.peer].map(formatByteCount),
    ]),
    [
      "all",
      seconds(slowest(result.nodes.map(({ durationMs }) => durationMs))),
      ...(["origin", "seed", "peer"] as const).map((source) =>
        formatByteCount(result.nodes.reduce((sum, { received }) => sum + received[source], 0)),
      ),
    ],
  ];
  return `${align(rows)}\n\n${comparison(result)}`;
}

function comparison(result: DemoResult): string {
  const withDarterMs = slowest(result.nodes.map(({ durationMs }) => durationMs));
  const directMs = slowest(result.directMs);
  const share = (bytes: number): string => `${(bytes / result.imageBytes).toFixed(2)} x the image`;
  const rows = [
    ["", "slowest pull", "the registry sent", ""],
    [
      "direct",
      `${seconds(directMs)} s`,
      formatByteCount(result.directSentBytes),
      share(result.directSentBytes),
    ],
    [
      "Darter",
      `${seconds(withDarterMs)} s`,
      formatByteCount(result.sentBytes),
      share(result.sentBytes),
    ],
    [
      "ratio",
      `${(directMs / withDarterMs).toFixed(1)} x faster`,
      `${(result.directSentBytes / result.sentBytes).toFixed(1)} x less`,
      "",
    ],
  ];
  return align(rows);
}

/** Columns side by side: the first to the left, the others to the right. */
function align(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
        )
        .join("   ")
        .trimEnd(),
    )
    .map((line) => `  ${line}`)
    .join("\n");
}

function slowest(durationsMs: readonly number[]): number {
  return Math.max(...durationsMs);
}

function seconds(durationMs: number): string {
  return (durationMs / 1000).toFixed(2);
}
