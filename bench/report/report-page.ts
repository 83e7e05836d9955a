import type { Figure } from "./figure.ts";
import { figureCard } from "./figure.ts";
import { bytesBySource, profileTimes, registryBytes, waitDistributions } from "./fleet-figures.ts";
import { newestOfProfiles, newestOfSizes, usualNodeCount } from "./fleet-series.ts";
import { history, supernodeAgainstHosts, timeAgainstHosts } from "./growth-figures.ts";
import { headlines } from "./headlines.ts";
import type { KeptResults } from "./kept-results.ts";
import { loadFigures } from "./load-figures.ts";
import { machineSection, rivalSection } from "./machine-section.ts";
import { element, group } from "./markup.ts";
import type { Content, Markup } from "./markup.ts";
import { PAGE_STYLE } from "./page-style.ts";
import { readsFigure } from "./reads-figure.ts";
import { transferFigures } from "./transfer-figure.ts";

/** The report: one page of HTML that needs nothing else. The same results give the same text. */
export function reportPage(kept: KeptResults): string {
  const nodeCount = usualNodeCount(kept.fleet);
  const profiles = nodeCount === undefined ? [] : newestOfProfiles(kept.fleet, nodeCount);
  const growth = newestOfSizes(kept.fleet, "burst");
  const reads = readsFigure(profiles);
  const load = kept.load.at(-1)?.result;
  // Some are of a single row, which compares nothing.
  const transfer = kept.transfer.findLast(({ result }) => result.rows.length > 1);
  const names = profiles.flatMap(({ profile }) => profile ?? []);
  // One commit alone is no history.
  const commitCount = new Set(kept.fleet.map(({ result }) => result.commit)).size;
  const body = element(
    "main",
    {},
    element("h1", {}, "What Darter was measured at"),
    element(
      "p",
      {},
      "Real processes on one machine. Read ratios rather than seconds: they carry over to faster lines and more hosts. Every figure comes from the results in bench/results, which hold the options, the seed and every single measurement.",
    ),
    headlines(profiles, load),
    section(
      "A fleet of hosts",
      "Hosts in network namespaces with shaped links pull images, straight from a registry and through Darter.",
      [
        ...(profiles.length === 0
          ? []
          : [
              profileTimes(profiles),
              waitDistributions(profiles),
              ...(reads === undefined ? [] : [reads]),
              registryBytes(profiles),
              bytesBySource(profiles),
            ]),
        ...(growth.length < 2 ? [] : [timeAgainstHosts(growth), supernodeAgainstHosts(growth)]),
        ...(nodeCount === undefined || commitCount < 2
          ? []
          : [history(kept.fleet, names, nodeCount)]),
      ],
      "npm run bench:fleet -- --profile all --save",
    ),
    section(
      "One supernode and one proxy under load",
      "How many nodes one supernode holds, and how fast the mirror of a node answers.",
      load === undefined ? [] : loadFigures(load),
      "npm run bench:load",
    ),
    section(
      "The way of the bytes",
      "One node on loopback beside nginx, curl and aria2c.",
      transfer === undefined ? [] : transferFigures(transfer),
      "npm run bench:transfer",
    ),
    element(
      "div",
      { class: "grid-of-cards" },
      rivalSection([...profiles, ...growth]),
      machineSection([...profiles, ...growth, ...(load === undefined ? [] : [load])]),
    ),
    element("footer", {}, "Made by npm run bench:report."),
  );
  return `<!doctype html>\n${htmlOf(body).markup}\n`;
}

function section(title: string, what: string, figures: readonly Figure[], command: string): Markup {
  const content: Content =
    figures.length > 0
      ? element("div", { class: "grid-of-cards" }, figures.map(figureCard))
      : element("p", {}, `Nothing was measured yet; ${command} does it.`);
  return group(element("h2", {}, title), element("p", {}, what), content);
}

function htmlOf(body: Markup): Markup {
  return element(
    "html",
    { lang: "en" },
    element(
      "head",
      {},
      element("meta", { charset: "utf-8" }),
      element("meta", { name: "viewport", content: "width=device-width, initial-scale=1" }),
      element("title", {}, "Darter: what it was measured at"),
      { markup: `<link rel="icon" href="data:,">` },
      { markup: `<style>${PAGE_STYLE}</style>` },
    ),
    element("body", {}, body),
  );
}
