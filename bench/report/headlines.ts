import type { BenchReport } from "../fleet/bench-report.ts";
import { nodeCountOf } from "./fleet-series.ts";
import type { LoadFigures } from "../load/load-figures.ts";
import { element } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { shortNumber } from "./scale.ts";

/** A figure to begin with, and what it is of. */
interface Headline {
  readonly figure: string;
  readonly of: string;
}

/** What most readers want to know, in four figures at most. */
export function headlines(
  reports: readonly BenchReport[],
  load: LoadFigures | undefined,
): Markup | "" {
  const all = [...burstHeadlines(reports), ...loadHeadlines(load)].slice(0, 4);
  if (all.length === 0) return "";
  return element(
    "div",
    { class: "headlines" },
    all.map(({ figure, of }) =>
      element("div", { class: "headline" }, element("b", {}, figure), element("span", {}, of)),
    ),
  );
}

function burstHeadlines(reports: readonly BenchReport[]): Headline[] {
  const burst = reports.find(({ profile }) => profile === "burst") ?? reports[0];
  if (burst === undefined) return [];
  const hosts = nodeCountOf(burst);
  const direct = burst.against.find(({ name }) => name === "direct");
  return [
    ...(direct === undefined
      ? []
      : [
          {
            figure: `${shortNumber(direct.last_s / burst.last_s)} ×`,
            of: `as fast as straight from the registry, until the last of ${hosts} hosts has its image: ${shortNumber(burst.last_s)} s and not ${shortNumber(direct.last_s)} s`,
          },
          {
            figure: `${shortNumber(burst.origin_bytes_ratio)} ×`,
            of: `the image is what the registry sent to all ${hosts} hosts together, and not ${shortNumber(direct.origin_bytes_ratio)} ×`,
          },
        ]),
    {
      figure: `${shortNumber(burst.ratio)} ×`,
      of: `the time that nothing can beat on these lines, which is ${shortNumber(burst.bound_s)} s`,
    },
    ...(burst.supernode_cpu_s === null
      ? []
      : [
          {
            figure: `${shortNumber(burst.supernode_cpu_s)} s`,
            of: `of processor time is what the supernode needed for the image and the ${hosts} hosts`,
          },
        ]),
  ];
}

function loadHeadlines(load: LoadFigures | undefined): Headline[] {
  if (load === undefined || load.idle === null) return [];
  return [
    {
      figure: `${shortNumber(load.idle.rss_mb)} MB`,
      of: `of memory hold ${load.idle.nodes.toLocaleString("en")} connected nodes at one supernode`,
    },
  ];
}
