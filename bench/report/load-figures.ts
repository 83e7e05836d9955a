import { barPlot } from "./bar-plot.ts";
import type { Bar, BarGroup } from "./bar-plot.ts";
import { HALF } from "./fleet-figures.ts";
import type { Figure } from "./figure.ts";
import type { LoadFigures } from "../load/load-figures.ts";
import { linePlot } from "./line-plot.ts";
import { shortNumber } from "./scale.ts";

/** A figure beside what is aimed at. */
interface Aim {
  readonly name: string;
  readonly value: number;
  readonly aim: number;
  readonly unit: string;
  /** Whether the figure should be at least as large as the aim, instead of at most. */
  readonly isMoreBetter: boolean;
}

/** What one supernode and one proxy bear, in relation to what is aimed at. */
export function loadFigures(load: LoadFigures): Figure[] {
  const figures = [limitsFigure(load), ratesFigure(load), memoryFigure(load), rampFigure(load)];
  return figures.filter((figure) => figure !== undefined);
}

/** What a supernode costs: less is better. */
function limitsFigure({ idle, joins, active, proxy }: LoadFigures): Figure | undefined {
  const aims: Aim[] = [];
  if (idle !== null) {
    const nodes = idle.nodes.toLocaleString("en");
    aims.push(
      atMost(`memory, ${nodes} idle nodes`, idle.rss_mb, 400, "MB"),
      atMost(`CPU, ${nodes} idle nodes`, 100 * idle.cpu_fraction, 15, "% of a core"),
    );
  }
  if (active !== null) {
    const peers = active.peers.toLocaleString("en");
    aims.push(atMost(`CPU, ${peers} busy peers`, 100 * active.cpu_fraction, 50, "% of a core"));
  }
  if (joins !== null) aims.push(atMost("a join, 99 % within", joins.p99_ms, 100, "ms"));
  if (proxy !== null) {
    aims.push(atMost("a manifest, 99 % within", proxy.manifest_p99_ms, 20, "ms"));
  }
  return figureOf("What it costs", "Shorter is better; at the mark lies what is aimed at.", aims);
}

/** What a supernode and a proxy get done: more is better. */
function ratesFigure({ joins, proxy }: LoadFigures): Figure | undefined {
  const aims: Aim[] = [];
  if (joins !== null) aims.push(atLeast("joins to one task", joins.per_s, 2000, "/s"));
  if (proxy !== null) {
    aims.push(
      atLeast("manifests from the cache", proxy.manifest_rps, 8000, "/s"),
      atLeast("ranges of 1 MiB", proxy.range_mb_per_s, 1000, "MB/s"),
    );
  }
  return figureOf("What it bears", "Longer is better; at the mark lies what is aimed at.", aims);
}

/** How memory grows with the nodes that are connected. */
function memoryFigure({ idle_steps: steps }: LoadFigures): Figure | undefined {
  if (steps.length < 2) return undefined;
  return {
    title: "Memory against connected nodes",
    caption: "Resident memory of one supernode while its nodes do nothing but answer heartbeats.",
    plot: linePlot({
      title: "Memory against nodes",
      width: HALF,
      height: 270,
      xLabel: "connected nodes",
      yLabel: "MB",
      lines: [
        {
          name: "MB",
          colour: "seed",
          points: steps.map(({ nodes, rss_mb }) => ({
            x: nodes,
            y: rss_mb,
            says: `${nodes.toLocaleString("en")} nodes: ${shortNumber(rss_mb)} MB`,
          })),
        },
      ],
    }),
    table: {
      head: ["nodes", "MB", "KB a node", "% of a core"],
      rows: steps.map(({ nodes, rss_mb, kb_per_node, cpu_fraction }) => [
        nodes.toLocaleString("en"),
        shortNumber(rss_mb),
        shortNumber(kb_per_node),
        shortNumber(100 * cpu_fraction),
      ]),
    },
  };
}

/** How long joins take as there are more of them. */
function rampFigure({ ramp }: LoadFigures): Figure | undefined {
  if (ramp === null || ramp.steps.length < 2) return undefined;
  const { steps, knee_per_s: knee, limit_ms: limit } = ramp;
  return {
    title: "Where joins become slow",
    caption: `Within how much time 99 % of joins are answered, at rates that rise. ${knee === null ? "Even the lowest rate is" : `Up to ${shortNumber(knee)} a second it stays`} ${knee === null ? "above" : "within"} ${limit} ms.`,
    plot: linePlot({
      title: "Joins",
      width: HALF,
      height: 270,
      xLabel: "joins a second",
      yLabel: "ms",
      lines: [
        {
          name: "99 %",
          colour: "darter",
          points: steps.map(({ per_s, p99_ms }) => ({
            x: per_s,
            y: p99_ms,
            says: `${shortNumber(per_s)} joins a second: 99 % within ${shortNumber(p99_ms)} ms`,
          })),
        },
        {
          name: "aim",
          colour: "bound",
          isDashed: true,
          points: [0, steps.at(-1)?.per_s ?? 0].map((x) => ({ x, y: limit })),
        },
      ],
    }),
    table: {
      head: ["joins a second", "median, ms", "99 % within, ms"],
      rows: steps.map(({ per_s, p50_ms, p99_ms }) =>
        [per_s, p50_ms, p99_ms].map((value) => shortNumber(value)),
      ),
    },
  };
}

function figureOf(title: string, caption: string, aims: readonly Aim[]): Figure | undefined {
  if (aims.length === 0) return undefined;
  const groups = aims.map(({ name, value, aim, unit, isMoreBetter }): BarGroup => {
    const isReached = isMoreBetter ? value >= aim : value <= aim;
    const share = value / aim;
    const bar: Bar = {
      parts: [
        {
          value: share,
          colour: isReached ? "reached" : "missed",
          says: `${name}: ${shortNumber(value)} ${unit}, aimed at ${shortNumber(aim)}`,
        },
      ],
      text: `${shortNumber(value)} ${unit}`,
    };
    return {
      name,
      bars: [bar],
      mark: { value: 1, says: `aimed at ${isMoreBetter ? "at least" : "at most"} ${aim} ${unit}` },
    };
  });
  return {
    title,
    caption,
    legend: [
      { name: "as aimed at", colour: "reached" },
      { name: "not reached", colour: "missed" },
      { name: "aim", colour: "mark", kind: "mark" },
    ],
    plot: barPlot({
      title,
      width: HALF,
      xLabel: "x the aim",
      groups,
      barHeight: 18,
      xMax: 2,
      textWidth: 116,
    }),
    table: {
      head: ["", "measured", "aimed at"],
      rows: aims.map(({ name, value, aim, unit, isMoreBetter }) => [
        name,
        `${shortNumber(value)} ${unit}`,
        `${isMoreBetter ? "at least" : "at most"} ${shortNumber(aim)} ${unit}`,
      ]),
    },
  };
}

function atMost(name: string, value: number, aim: number, unit: string): Aim {
  return { name, value, aim, unit, isMoreBetter: false };
}

function atLeast(name: string, value: number, aim: number, unit: string): Aim {
  return { name, value, aim, unit, isMoreBetter: true };
}
