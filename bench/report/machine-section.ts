import { formatByteCount } from "../../platform/quantity.ts";
import type { BenchReport } from "../fleet/bench-report.ts";
import type { BenchFrame } from "../frame/bench-result.ts";
import { element } from "./markup.ts";
import type { Markup } from "./markup.ts";

/** Where and with what it was measured: a row for each different surrounding of the results that are shown. */
export function machineSection(results: readonly BenchFrame[]): Markup {
  const rows = Map.groupBy(results, surroundingOf);
  return element(
    "figure",
    { class: "card wide machine" },
    element("h3", {}, "Where it was measured"),
    element(
      "table",
      {},
      [...rows].map(([text, measured]) =>
        element(
          "tr",
          {},
          element("td", {}, [...new Set(measured.map(({ bench }) => `bench:${bench}`))].join(", ")),
          element("td", {}, `${text}, ${loadText(measured)}`),
        ),
      ),
    ),
  );
}

/** How busy the machine was with other things, before the results. */
function loadText(results: readonly BenchFrame[]): string {
  const loads = results.map(({ machine }) => machine.load_average_before);
  const [least, most] = [Math.min(...loads), Math.max(...loads)];
  return `load before ${least === most ? least : `${least} to ${most}`}`;
}

/** The systems that were measured beside Darter, with what they were set up with. */
export function rivalSection(reports: readonly BenchReport[]): Markup | "" {
  const rivals = new Map(
    reports.flatMap(({ against }) =>
      against.filter(({ name }) => name !== "direct").map((rival) => [rival.name, rival] as const),
    ),
  );
  if (rivals.size === 0) return "";
  return element(
    "figure",
    { class: "card wide machine" },
    element("h3", {}, "What was measured beside Darter"),
    element(
      "table",
      {},
      [...rivals.values()].map(({ name, versions, configuration }) =>
        element(
          "tr",
          {},
          element("td", {}, name),
          element(
            "td",
            {},
            Object.entries(versions)
              .map(([key, value]) => `${key} ${value}`)
              .join(", "),
            Object.entries(configuration).map(([place, text]) =>
              element("details", {}, element("summary", {}, place), element("pre", {}, text)),
            ),
          ),
        ),
      ),
    ),
  );
}

function surroundingOf({ machine, versions, commit, measured_at }: BenchFrame): string {
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `${machine.cores} cores of ${machine.processor} (${machine.architecture})`,
    formatByteCount(machine.memory_bytes),
    `Linux ${machine.kernel}`,
    ...programs,
    `commit ${commit === null ? "unknown" : commit.replace(/^(.{12}).*?(\+.*)?$/, "$1$2")}`,
    measured_at.slice(0, 10),
  ].join(", ");
}
