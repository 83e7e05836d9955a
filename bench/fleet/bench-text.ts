import { formatByteCount } from "../../platform/quantity.ts";
import type { FleetBenchOptions } from "./bench-options.ts";
import type { BenchPlan } from "./bench-plan.ts";
import type { NodeResult } from "./bench-result.ts";
import type { BenchReport } from "./bench-report.ts";
import type { ContenderResult } from "./contender.ts";
import type { SimulatedRun } from "./simulated-run.ts";
import { percentile, sum } from "./statistics.ts";

/** The report for people. */
export function benchText(report: BenchReport, { profile, options }: BenchPlan): string {
  const against = report.against.filter(({ name }) => name !== "direct");
  return [
    ...(profile === undefined ? [] : [`${profile.name}: ${profile.title}`]),
    sceneText(report, options),
    table([
      ["seconds from a node's beginning", "best", "median", "slowest"],
      timesRow("to its first byte", report.details.nodes, "first_byte_s"),
      timesRow("to half of its bytes", report.details.nodes, "half_s"),
      timesRow("to its last byte", report.details.nodes, "last_s"),
    ]),
    table([
      ["", "Darter", "direct", ...against.map(({ name }) => name)],
      [
        "until the last node has all, s",
        ...[report.last_s, report.direct_last_s, ...against.map(({ last_s }) => last_s)].map(
          (seconds) => figure(seconds),
        ),
      ],
      [
        `in relation to the bound of ${figure(report.bound_s)} s`,
        figure(report.ratio),
        ...[report.direct_last_s, ...against.map(({ last_s }) => last_s)].map((seconds) =>
          figure(seconds === null ? null : seconds / report.bound_s),
        ),
      ],
      ...readRows(report),
    ]),
    ...against.map(contenderText),
    table(costRows(report)),
    ...(report.simulated === null ? [] : [simulatedText(report.simulated)]),
    ...(report.samples.runs.length > 1
      ? [`ratios of all runs: ${report.samples.runs.map(({ ratio }) => figure(ratio)).join("  ")}`]
      : []),
  ].join("\n\n");
}

/** How long a read took, where ranges were read. */
function readRows({ reads, against }: BenchReport): readonly (readonly string[])[] {
  if (reads === null) return [];
  const all = [reads, ...against.map((contender) => contender.reads)];
  return [
    ["a read, median, ms", ...all.map((each) => figure(each?.p50_ms ?? null, 1))],
    ["a read, 99 % within, ms", ...all.map((each) => figure(each?.p99_ms ?? null, 1))],
  ];
}

/** What was measured beside Darter, and how it was set up. */
function contenderText({ name, versions, configuration }: ContenderResult): string {
  const programs = Object.entries(versions).map(([program, version]) => `${program} ${version}`);
  const parts = Object.entries(configuration).map(
    ([place, text]) =>
      `  ${place}:\n${text
        .trimEnd()
        .split("\n")
        .map((line) => `    ${line}`)
        .join("\n")}`,
  );
  return [`${name} is ${programs.join(", ")}, set up with`, ...parts].join("\n");
}

function sceneText(
  { machine, versions, commit, details }: BenchReport,
  options: FleetBenchOptions,
) {
  const zones =
    options.zoneCount === 1
      ? ""
      : ` in ${options.zoneCount} zones with uplinks of ${options.zoneMbit ?? "any"} Mbit/s`;
  const files = filesText(options);
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

function filesText({ fileLengthsBytes, heldLengthsBytes, reads }: FleetBenchOptions): string {
  const length = formatByteCount(sum(fileLengthsBytes));
  const files =
    fileLengthsBytes.length > 4
      ? `${fileLengthsBytes.length} files of ${length} together`
      : fileLengthsBytes.map(formatByteCount).join(" + ");
  const held =
    heldLengthsBytes.length === 0
      ? ""
      : `, and ${formatByteCount(sum(heldLengthsBytes))} that they hold`;
  const range = reads && `${reads.count} reads of ${formatByteCount(reads.lengthBytes)} of `;
  return `${range ?? ""}${files}${held}`;
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

function simulatedText({ last_s, ratio, deviation, piece_ms }: SimulatedRun): string {
  const direction = deviation < 0 ? "shorter" : "longer";
  return (
    `the simulator, with the same links and a processor busy ${figure(piece_ms, 1)} ms with each piece, needs ` +
    `${figure(last_s)} s, ratio ${figure(ratio)}; the real run took ${percent(Math.abs(deviation))} ${direction}`
  );
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
