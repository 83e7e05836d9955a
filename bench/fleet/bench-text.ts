import { formatByteCount } from "../../platform/quantity.ts";
import type { FleetBenchOptions } from "./bench-options.ts";
import type { NodeResult } from "./bench-result.ts";
import type { BenchReport } from "./bench-report.ts";
import { percentile, sum } from "./statistics.ts";

/** The report for people. */
export function benchText(report: BenchReport, options: FleetBenchOptions): string {
  return [
    sceneText(report, options),
    table([
      ["seconds from a node's beginning", "best", "median", "slowest"],
      timesRow("to its first byte", report.details.nodes, "first_byte_s"),
      timesRow("to half of its bytes", report.details.nodes, "half_s"),
      timesRow("to its last byte", report.details.nodes, "last_s"),
    ]),
    table([
      ["", "Darter", "direct"],
      ["until the last node has all, s", figure(report.last_s), figure(report.direct_last_s)],
      [
        `in relation to the bound of ${figure(report.bound_s)} s`,
        figure(report.ratio),
        figure(report.direct_last_s === null ? null : report.direct_last_s / report.bound_s),
      ],
    ]),
    table(costRows(report)),
    ...(report.details.runs.length > 1
      ? [`ratios of all runs: ${report.details.runs.map(({ ratio }) => figure(ratio)).join("  ")}`]
      : []),
  ].join("\n\n");
}

function sceneText(
  { machine, versions, commit, details }: BenchReport,
  options: FleetBenchOptions,
) {
  const zones =
    options.zoneCount === 1
      ? ""
      : ` in ${options.zoneCount} zones with uplinks of ${options.zoneMbit ?? "any"} Mbit/s`;
  const files = options.fileLengthsBytes.map(formatByteCount).join(" + ");
  const missing = details.nodes.filter(({ last_s }) => last_s === null).length;
  return [
    `${files} (${details.pieces} pieces) to ${options.nodeCount} hosts of ${options.nodeMbit} Mbit/s${zones}; ` +
      `supernode ${options.seedMbit}, origin ${options.originMbit} Mbit/s`,
    `${machine.cores} x ${machine.processor}, load ${machine.load_average_before} before and ` +
      `${machine.load_average_after} after; node ${versions["node"]}, Darter ${versions["darter"]}, commit ${commit ?? "unknown"}`,
    `bound by ${details.bound_by}; a link carries ${percent(details.payload_factor)} content, ` +
      `a plain download got ${percent(details.payload_factor_measured)}`,
    ...(missing === 0 ? [] : [`killed on purpose, and in no figure of time: ${missing} nodes`]),
  ].join("\n");
}

function costRows(report: BenchReport): readonly (readonly string[])[] {
  const { details } = report;
  const { seed, peer, origin } = details.received_ratios;
  return [
    ["what it cost", ""],
    ["requests at the origin", String(report.origin_requests)],
    ["sent by the origin, x the content", figure(report.origin_bytes_ratio)],
    ["sent by the seed, x the content", figure(report.seed_ratio)],
    [
      "nodes received from seed, peers, origin, x the content",
      [seed, peer, origin].map((value) => figure(value)).join("  "),
    ],
    ...(report.cross_zone_ratio === 0
      ? []
      : [["came into the busiest zone, x the content", figure(report.cross_zone_ratio)]]),
    [
      "supernode's messages for each piece and node",
      figure(report.supernode_messages_per_piece, 3),
    ],
    ["CPU seconds of the supernode", figure(report.supernode_cpu_s)],
    ["CPU seconds of all nodes", figure(details.nodes_cpu_s)],
  ];
}

function timesRow(
  name: string,
  nodes: readonly NodeResult[],
  key: "first_byte_s" | "half_s" | "last_s",
): readonly string[] {
  const times = nodes.map((node) => node[key]).filter((time) => time !== null);
  return [name, ...[0, 0.5, 1].map((share) => figure(percentile(times, share)))];
}

function figure(value: number | null, digits = 2): string {
  return value === null ? "-" : value.toFixed(digits);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** Columns side by side: the first to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const columns = rows[0]?.length ?? 0;
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lines = rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("   ")
      .trimEnd(),
  );
  return [
    ...lines.slice(0, 1),
    "-".repeat(sum(widths) + 3 * (columns - 1)),
    ...lines.slice(1),
  ].join("\n");
}
