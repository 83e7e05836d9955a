import { newestOfSizes } from "../bench/report/fleet-series.ts";
import type { KeptResults } from "../bench/report/kept-results.ts";
import { shortNumber } from "../bench/report/scale.ts";
import { markdownTable } from "./markdown-table.ts";

/** A constant of the formulas, and where it comes from. */
interface Constant {
  readonly name: string;
  readonly meaning: string;
  readonly unit: string;
  readonly value: number | undefined;
  readonly from: string;
}

const NODE_COUNTS = [100, 1000, 10_000, 30_000];

/** The constants of the formulas, as they were measured last. */
export function constantsBlock(kept: KeptResults): string {
  const rows = constantsOf(kept).map(({ name, meaning, unit, value, from }) => [
    `\`${name}\``,
    meaning,
    value === undefined ? "not measured yet" : `${shortNumber(value)} ${unit}`,
    from,
  ]);
  return markdownTable(["constant", "what it is", "value", "measured by"], rows);
}

/** What clusters of some sizes need, by the formulas and the constants. */
export function examplesBlock(kept: KeptResults): string {
  const constants = new Map(constantsOf(kept).map(({ name, value }) => [name, value]));
  const of = (name: string): number | undefined => constants.get(name);
  const shown = (
    value: (...parts: number[]) => number,
    unit: string,
    ...names: readonly string[]
  ): string => {
    const parts = names.map(of);
    return parts.some((part) => part === undefined)
      ? "–"
      : `${shortNumber(value(...(parts as number[])))} ${unit}`;
  };
  const rows = NODE_COUNTS.map((nodes) => [
    nodes.toLocaleString("en"),
    shown((m0, m1) => m0 + (m1 * nodes) / 1000, "MB", "m0", "m1"),
    shown((c1) => (100 * c1 * nodes) / 1e6, "%", "c1"),
    shown((j) => nodes / j, "s", "j"),
    shown((c2) => (100 * c2 * nodes) / 1e6, "%", "c2"),
  ]);
  return markdownTable(
    [
      "nodes",
      "memory of the supernode",
      "of a core, idle",
      "until all have joined one task",
      "of a core, all downloading",
    ],
    rows,
  );
}

function constantsOf(kept: KeptResults): Constant[] {
  const load = kept.load.at(-1);
  const rowOf = (wanted: string) =>
    kept.transfer.flatMap(({ result }) => result.rows).findLast(({ name }) => name === wanted);
  const bursts = newestOfSizes(kept.fleet, "burst");
  const burst = bursts.at(-1);
  const { idle, ramp, joins, active } = load?.result ?? {};
  const byLoad =
    load === undefined
      ? "`npm run bench:load -- --save`"
      : `[${load.file}](../../bench/results/${load.file})`;
  const byFleet = "`bench:fleet --profile burst`";
  return [
    {
      name: "m0",
      meaning: "memory of a supernode without nodes",
      unit: "MB",
      value: idle && idle.rss_mb - (idle.kb_per_node * idle.nodes) / 1000,
      from: byLoad,
    },
    {
      name: "m1",
      meaning: "memory for each connected node",
      unit: "KB",
      value: idle?.kb_per_node,
      from: byLoad,
    },
    {
      name: "c1",
      meaning: "CPU for each idle node, with its heartbeats",
      unit: "µs/s",
      value: idle && (1e6 * idle.cpu_fraction) / idle.nodes,
      from: byLoad,
    },
    {
      name: "j",
      meaning: "joins a second until 1 % of them take longer than 100 ms",
      unit: "/s",
      value: ramp?.knee_per_s ?? joins?.per_s,
      from: byLoad,
    },
    {
      name: "c2",
      meaning: "CPU for each node that downloads",
      unit: "µs/s",
      value: active && (1e6 * active.cpu_fraction) / active.peers,
      from: byLoad,
    },
    {
      name: "c3",
      meaning: "CPU to read, hash, store and hand out new content once",
      unit: "s/GB",
      value: rowOf("proxy>curl")?.server_cpu_s_per_gb_by_process?.["supernode"],
      from: "`npm run bench:transfer`",
    },
    {
      name: "s",
      meaning: "how often the seed sends each new byte",
      unit: "×",
      value: burst?.seed_ratio ?? undefined,
      from: byFleet,
    },
    {
      name: "m2",
      meaning: "memory of a node that receives 1 GiB at once, at most",
      unit: "MB",
      value: rowOf("nginx>darter")?.peak_rss_mb,
      from: "`npm run bench:transfer`",
    },
  ].map(({ value, ...rest }) => ({ ...rest, value: value ?? undefined }));
}
