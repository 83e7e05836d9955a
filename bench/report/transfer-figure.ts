import { formatByteCount } from "../../platform/quantity.ts";
import { barPlot } from "./bar-plot.ts";
import { HALF } from "./fleet-figures.ts";
import type { Figure } from "./figure.ts";
import type { TransferKept } from "./kept-results.ts";
import { shortNumber } from "./scale.ts";

/** What each row of bench:transfer stands for. */
const MEANINGS: Readonly<Record<string, string>> = {
  "darter>darter": "node to node, verified and stored",
  "darter>curl": "node to curl",
  "nginx>darter": "nginx to node, verified and stored",
  "nginx>curl": "nginx to curl",
  "nginx>aria2c": "nginx to aria2c, stored",
  "nginx>aria2c+sha256": "nginx to aria2c, verified",
  "proxy>curl": "registry, supernode, proxy, curl; cold",
};

/** Bytes per second on loopback of one node, beside programs in C. */
export function transferFigures({ result }: TransferKept): Figure[] {
  const { rows, options } = result;
  const groups = (each: (row: (typeof rows)[number]) => readonly [number, readonly number[]]) =>
    rows.map((row) => {
      const [value, dots] = each(row);
      return {
        name: row.name,
        bars: [
          {
            parts: [{ value, colour: colourOf(row.name), says: MEANINGS[row.name] ?? row.name }],
            dots,
          },
        ],
      };
    });
  const legend = [
    { name: "with Darter", colour: "darter" },
    { name: "without", colour: "direct" },
  ];
  return [
    {
      title: "One node on loopback",
      caption: `MB a second, medians of ${options.rounds} rounds of ${formatByteCount(options.lengthBytes)}, each round as a dot.`,
      legend,
      plot: barPlot({
        title: "MB per second",
        width: HALF,
        xLabel: "MB/s",
        groups: groups((row) => [row.mb_per_s, row.mb_per_s_of_rounds]),
        barHeight: 18,
      }),
      table: {
        head: ["from > to", "what it is", "MB/s", "peak RSS, MB"],
        rows: rows.map(({ name, mb_per_s, peak_rss_mb }) => [
          name,
          MEANINGS[name] ?? "",
          shortNumber(mb_per_s),
          shortNumber(peak_rss_mb),
        ]),
      },
    },
    {
      title: "What a GB costs",
      caption: "CPU seconds of both ends for each GB, on the same way. Shorter is better.",
      legend,
      plot: barPlot({
        title: "CPU seconds per GB",
        width: HALF,
        xLabel: "CPU s/GB",
        groups: groups((row) => [row.server_cpu_s_per_gb + row.client_cpu_s_per_gb, []]),
        barHeight: 18,
      }),
    },
  ];
}

function colourOf(name: string): string {
  return /darter|proxy/.test(name) ? "darter" : "direct";
}
