import type { BenchReport } from "../fleet/bench-report.ts";
import { HALF } from "./fleet-figures.ts";
import { nodeCountOf } from "./fleet-series.ts";
import type { Figure } from "./figure.ts";
import type { FleetKept } from "./kept-results.ts";
import { linePlot } from "./line-plot.ts";
import { shortNumber } from "./scale.ts";

const HEIGHT = 300;
const HISTORY_COLOURS = [1, 2, 3, 4, 5, 6, 7, 8].map((number) => `history-${number}`);

/** How the time until the last host has everything grows with the number of hosts. */
export function timeAgainstHosts(reports: readonly BenchReport[]): Figure {
  const line = (
    name: string,
    colour: string,
    seconds: (report: BenchReport) => number | null,
    isDashed = false,
  ) => ({
    name,
    colour,
    isDashed,
    points: reports.flatMap((report) => {
      const [x, y] = [nodeCountOf(report), seconds(report)];
      return y === null ? [] : [{ x, y, says: `${name}, ${x} hosts: ${y} s` }];
    }),
  });
  return {
    title: "Time against the number of hosts",
    caption:
      "Seconds until the last host has the image of the profile burst. Straight from the registry every further host makes all wait longer.",
    plot: linePlot({
      title: "Time against hosts",
      width: HALF,
      height: HEIGHT,
      xLabel: "hosts",
      yLabel: "seconds to the last host",
      lines: [
        line("direct", "direct", (report) => report.direct_last_s),
        line("Darter", "darter", (report) => report.last_s),
        line("bound", "bound", (report) => report.bound_s, true),
      ],
    }),
    table: {
      head: ["hosts", "Darter, s", "direct, s", "bound, s"],
      rows: reports.map((report) => [
        String(nodeCountOf(report)),
        shortNumber(report.last_s),
        report.direct_last_s === null ? "" : shortNumber(report.direct_last_s),
        shortNumber(report.bound_s),
      ]),
    },
  };
}

/** What the supernode does for each byte and piece that reaches a host. */
export function supernodeAgainstHosts(reports: readonly BenchReport[]): Figure {
  const costs = reports.flatMap((report) => {
    const { supernode_cpu_s: cpu, supernode_messages_per_piece: messages } = report;
    if (cpu === null || messages === null) return [];
    const hosts = nodeCountOf(report);
    const gigabytes = (hosts * report.details.wanted_bytes) / 1e9;
    return [{ hosts, perGigabyte: cpu / gigabytes, messages }];
  });
  return {
    title: "What the supernode costs",
    caption:
      "CPU seconds of the supernode for each GB that reached hosts, reading the registry and hashing included. It should fall with the number of hosts, since each byte passes through it once.",
    plot: linePlot({
      title: "Supernode cost against hosts",
      width: HALF,
      height: HEIGHT,
      xLabel: "hosts",
      yLabel: "CPU s for each GB delivered",
      lines: [
        {
          name: "CPU s/GB",
          colour: "seed",
          points: costs.map(({ hosts, perGigabyte }) => ({
            x: hosts,
            y: perGigabyte,
            says: `${hosts} hosts: ${shortNumber(perGigabyte)} CPU s/GB`,
          })),
        },
      ],
    }),
    table: {
      head: ["hosts", "CPU s for each GB", "messages for each piece and host"],
      rows: costs.map(({ hosts, perGigabyte, messages }) => [
        String(hosts),
        shortNumber(perGigabyte),
        messages.toFixed(2),
      ]),
    },
  };
}

/** How the ratios to the bound went from commit to commit. */
export function history(
  kept: readonly FleetKept[],
  profiles: readonly string[],
  nodeCount: number,
): Figure {
  const results = kept
    .map(({ result }) => result)
    .filter(
      (result) => nodeCountOf(result) === nodeCount && profiles.includes(result.profile ?? ""),
    );
  const commits = [...new Set(results.map(commitOf))];
  const places = new Map(commits.map((commit, index) => [commit, index]));
  const lines = profiles.map((profile, index) => ({
    name: profile,
    colour: HISTORY_COLOURS[index % HISTORY_COLOURS.length] ?? "darter",
    points: results
      .filter((result) => result.profile === profile)
      .map((result) => ({
        x: places.get(commitOf(result)) ?? 0,
        y: result.ratio,
        says: `${profile} at ${commitOf(result)}: ${result.ratio} x the bound`,
      })),
  }));
  return {
    title: "From commit to commit",
    caption:
      "The time until the last host has everything, in multiples of the bound, for every commit that results were kept of. Lower is better, and 1 cannot be beaten.",
    isWide: true,
    plot: linePlot({
      title: "History",
      width: 1120,
      height: 280,
      xLabel: "commit, older to newer",
      yLabel: "x the bound",
      xMax: Math.max(1, commits.length - 1),
      xTicks: commits.map((text, index) => ({ x: index, text })),
      lines: lines.filter(({ points }) => points.length > 0),
    }),
  };
}

function commitOf({ commit, measured_at }: BenchReport): string {
  return commit === null ? measured_at.slice(0, 10) : commit.slice(0, 7);
}
