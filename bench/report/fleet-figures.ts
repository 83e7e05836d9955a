import { FLEET_PROFILES } from "../fleet/profiles.ts";
import type { BenchReport } from "../fleet/bench-report.ts";
import { barPlot } from "./bar-plot.ts";
import type { BarGroup } from "./bar-plot.ts";
import { distributionPlot } from "./distribution-plot.ts";
import { nodeCountOf, ownSeconds } from "./fleet-series.ts";
import type { Figure, LegendEntry } from "./figure.ts";
import { element } from "./markup.ts";
import { shortNumber } from "./scale.ts";

export const WIDE = 1120;
export const HALF = 544;

const RIVAL_COLOURS = ["direct", "rival-1", "rival-2", "rival-3"];

/** What the ways of getting the bytes are called and coloured. */
function legendOf(reports: readonly BenchReport[]): LegendEntry[] {
  return [
    { name: "Darter", colour: "darter" },
    ...rivalNames(reports).map((name, index) => ({
      name: name === "direct" ? "direct from the registry" : name,
      colour: rivalColour(index),
    })),
  ];
}

function rivalNames(reports: readonly BenchReport[]): string[] {
  return [...new Set(reports.flatMap(({ against }) => against.map(({ name }) => name)))];
}

function rivalColour(index: number): string {
  return RIVAL_COLOURS[Math.min(index, RIVAL_COLOURS.length - 1)] ?? "direct";
}

/** Seconds until the last host had everything, for each profile. */
export function profileTimes(reports: readonly BenchReport[]): Figure {
  const names = rivalNames(reports);
  const groups = reports.map((report): BarGroup => {
    const darter = {
      parts: [{ value: report.last_s, colour: "darter", says: `Darter: ${report.last_s} s` }],
      text: `${shortNumber(report.last_s)} s`,
    };
    const others = report.against.map(({ name, last_s }) => ({
      parts: [
        { value: last_s, colour: rivalColour(names.indexOf(name)), says: `${name}: ${last_s} s` },
      ],
      text: `${shortNumber(last_s)} s`,
    }));
    return {
      name: report.profile ?? "",
      bars: [darter, ...others],
      mark: { value: report.bound_s, says: `bound: ${report.bound_s} s` },
    };
  });
  return {
    title: "Seconds until the last host has everything",
    caption: `${hostsText(reports)} The mark is the bound that nothing can beat on these lines.`,
    isWide: true,
    legend: [...legendOf(reports), { name: "bound", colour: "mark", kind: "mark" }],
    plot: barPlot({ title: "Seconds to the last host", width: WIDE, xLabel: "seconds", groups }),
    table: {
      head: [
        "profile",
        "what happens",
        "Darter, s",
        "bound, s",
        ...names.map((name) => `${name}, s`),
      ],
      rows: reports.map((report) => [
        report.profile ?? "",
        titleOf(report),
        shortNumber(report.last_s),
        shortNumber(report.bound_s),
        ...names.map((name) => {
          const other = report.against.find((each) => each.name === name);
          return other === undefined ? "" : shortNumber(other.last_s);
        }),
      ]),
    },
  };
}

/** How long each host waited, as a distribution for each profile. */
export function waitDistributions(reports: readonly BenchReport[]): Figure {
  const names = rivalNames(reports);
  const plots = reports.map((report) => {
    const lines = [
      { name: "Darter", colour: "darter", values: ownSeconds(report) },
      ...report.against.map(({ name, nodes }) => ({
        name,
        colour: rivalColour(names.indexOf(name)),
        values: nodes.map(({ last_s }) => last_s),
      })),
    ];
    return element(
      "div",
      {},
      element("h4", {}, report.profile ?? ""),
      distributionPlot({
        title: `How long hosts waited, ${report.profile}`,
        width: 272,
        height: 190,
        xLabel: "seconds",
        lines,
      }),
    );
  });
  return {
    title: "How long each host waited",
    caption:
      "The share of hosts that had everything so many seconds after they began. A steep line to the left is good: nobody waits long, and nobody longer than the others.",
    isWide: true,
    legend: legendOf(reports).map((entry) => ({ ...entry, kind: "line" })),
    plot: element("div", { class: "multiples" }, plots),
  };
}

/** Where the bytes that the hosts received came from. */
export function bytesBySource(reports: readonly BenchReport[]): Figure {
  const sources = [
    { key: "peer", name: "other hosts", colour: "peers" },
    { key: "seed", name: "supernode", colour: "seed" },
    { key: "origin", name: "registry, by the host itself", colour: "origin" },
  ] as const;
  const groups = reports.map((report): BarGroup => {
    const received = report.details.received_ratios;
    return {
      name: report.profile ?? "",
      bars: [
        {
          parts: sources.map(({ key, name, colour }) => ({
            value: received[key],
            colour,
            says: `${name}: ${received[key]} x the content`,
          })),
        },
      ],
    };
  });
  return {
    title: "Where the hosts' bytes came from",
    caption:
      "Bytes that all hosts received, in multiples of the content. The more from other hosts, the better.",
    legend: sources.map(({ name, colour }) => ({ name, colour })),
    plot: barPlot({
      title: "Bytes by source",
      width: HALF,
      xLabel: "x the content",
      groups,
      barHeight: 18,
    }),
    table: {
      head: ["profile", ...sources.map(({ name }) => name)],
      rows: reports.map(({ profile, details }) => [
        profile ?? "",
        ...sources.map(({ key }) => shortNumber(details.received_ratios[key])),
      ]),
    },
  };
}

/** What the registry had to send, with and without Darter. */
export function registryBytes(reports: readonly BenchReport[]): Figure {
  const names = rivalNames(reports);
  const groups = reports.map((report): BarGroup => {
    const all = [
      { name: "Darter", colour: "darter", value: report.origin_bytes_ratio },
      ...report.against.map(({ name, origin_bytes_ratio }) => ({
        name,
        colour: rivalColour(names.indexOf(name)),
        value: origin_bytes_ratio,
      })),
    ];
    return {
      name: report.profile ?? "",
      bars: all.map(({ name, colour, value }) => ({
        parts: [{ value, colour, says: `${name}: ${value} x the content` }],
      })),
    };
  });
  return {
    title: "What the registry had to send",
    caption:
      "In multiples of the content. 1 means that each byte left the registry once, however many hosts wanted it.",
    legend: legendOf(reports),
    plot: barPlot({
      title: "Sent by the registry",
      width: HALF,
      xLabel: "x the content",
      groups,
      barHeight: 8,
    }),
    table: {
      head: ["profile", "Darter", ...names, "requests, Darter"],
      rows: reports.map((report) => [
        report.profile ?? "",
        shortNumber(report.origin_bytes_ratio),
        ...names.map((name) => {
          const other = report.against.find((each) => each.name === name);
          return other === undefined ? "" : shortNumber(other.origin_bytes_ratio);
        }),
        String(report.origin_requests),
      ]),
    },
  };
}

function hostsText(reports: readonly BenchReport[]): string {
  const [first] = reports;
  if (first === undefined) return "";
  return `${nodeCountOf(first)} hosts with links of ${Number(first.options["nodeMbit"])} Mbit/s, all beginning as the profile says.`;
}

function titleOf({ profile }: BenchReport): string {
  return FLEET_PROFILES.find(({ name }) => name === profile)?.title ?? "";
}
