import type { BenchReport } from "../fleet/bench-report.ts";
import { distributionPlot } from "./distribution-plot.ts";
import { WIDE } from "./fleet-figures.ts";
import type { Figure } from "./figure.ts";
import { shortNumber } from "./scale.ts";

/** How long reads of ranges took, as a distribution; undefined when none were measured. */
export function readsFigure(reports: readonly BenchReport[]): Figure | undefined {
  const report = reports.find(({ reads }) => reads !== null);
  const reads = report?.reads;
  if (report === undefined || reads === undefined || reads === null) return undefined;
  const direct = report.against.find(({ name }) => name === "direct");
  const lines = [
    { name: "Darter", colour: "darter", values: report.details.nodes.flatMap(readsOf) },
    { name: "direct", colour: "direct", values: (direct?.nodes ?? []).flatMap(readsOf) },
  ].filter(({ values }) => values.length > 0);
  return {
    title: "How long a container waits for what it reads",
    caption: `Profile ${report.profile}: ${reads.count} reads of all hosts, and the share of them that were answered within so many milliseconds. Further left is better.`,
    isWide: true,
    legend: lines.map(({ name, colour }) => ({ name, colour, kind: "line" })),
    plot: distributionPlot({
      title: "How long reads took",
      width: WIDE,
      height: 260,
      xLabel: "milliseconds",
      lines,
    }),
    table: {
      head: ["", "median, ms", "99 % within, ms", "longest, ms"],
      rows: [
        { name: "Darter", figures: reads },
        { name: "direct", figures: direct?.reads },
      ].flatMap(({ name, figures }) =>
        figures === undefined || figures === null
          ? []
          : [[name, ...[figures.p50_ms, figures.p99_ms, figures.max_ms].map(shortNumber)]],
      ),
    },
  };
}

function readsOf(node: { readonly read_ms?: readonly number[] }): readonly number[] {
  return node.read_ms ?? [];
}
