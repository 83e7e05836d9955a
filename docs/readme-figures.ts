import type { BenchReport } from "../bench/fleet/bench-report.ts";
import { newestOfProfiles, nodeCountOf, usualNodeCount } from "../bench/report/fleet-series.ts";
import type { KeptResults } from "../bench/report/kept-results.ts";
import { shortNumber } from "../bench/report/scale.ts";
import { markdownTable } from "./markdown-table.ts";

/** What the README tells of, in this order, where it was measured. */
const SHOWN: readonly (readonly [string, string])[] = [
  ["burst", "pull one image at the same moment"],
  ["big-model", "fetch one large file"],
  ["zones", "pull it in two zones behind narrow lines"],
  ["warm-update", "pull a new version of an image that they have"],
  ["churn", "pull while two of them die"],
];

/** The table of the README. */
export function readmeBlock({ fleet }: KeptResults): string {
  const nodeCount = usualNodeCount(fleet);
  if (nodeCount === undefined) return "Nothing was measured yet.";
  const reports = newestOfProfiles(fleet, nodeCount);
  const rows = SHOWN.flatMap(([profile, text]) => {
    const report = reports.find((each) => each.profile === profile);
    return report === undefined ? [] : [rowOf(report, text)];
  });
  const [first] = reports;
  if (first === undefined || rows.length === 0) return "Nothing was measured yet.";
  return [
    markdownTable(
      [
        `${nodeCount} hosts with lines of ${String(first.options["nodeMbit"])} Mbit/s`,
        "with Darter",
        "from the registry",
        "the registry sends",
      ],
      rows,
    ),
    `Seconds until the last host has everything; sent in multiples of the content. Real processes on ${machineText(first)}.`,
  ].join("\n\n");
}

function rowOf(report: BenchReport, text: string): string[] {
  const direct = report.against.find(({ name }) => name === "direct");
  return [
    text,
    `${shortNumber(report.last_s)} s`,
    direct === undefined ? "" : `${shortNumber(direct.last_s)} s`,
    direct === undefined
      ? `${shortNumber(report.origin_bytes_ratio)} ×`
      : `${shortNumber(report.origin_bytes_ratio)} × instead of ${shortNumber(direct.origin_bytes_ratio)} ×`,
  ];
}

/** In a few words where it was measured. */
function machineText(report: BenchReport): string {
  const { machine, versions, commit } = report;
  const hosts = nodeCountOf(report);
  return (
    `one machine with ${machine.cores} cores (${machine.processor}, Linux ${machine.kernel}, Node ${versions["node"]}), ` +
    `commit ${commit === null ? "unknown" : commit.slice(0, 7)}, where all ${hosts} hosts share the cores`
  );
}
