import { isWorse } from "./cost.ts";
import type { ComparedResult } from "./comparing.ts";

const HEAD = ["", "base", "head", "", "ratio", "rounds"];

/** What came of comparing, for people. */
export function compareText(
  results: readonly ComparedResult[],
  failAt: number | undefined,
): string {
  return results.map((result) => benchText(result, failAt)).join("\n\n");
}

/** The costs that have become so many times worse. */
export function worseThan(
  results: readonly ComparedResult[],
  failAt: number,
): readonly { readonly name: string; readonly bestRatio: number }[] {
  return results.flatMap(({ comparisons }) =>
    (comparisons?.both ?? []).filter((each) => isWorse(each, failAt)),
  );
}

function benchText(
  { bench, comparisons, reason }: ComparedResult,
  failAt: number | undefined,
): string {
  if (comparisons === undefined) return `${reason}; it is left out`;
  const rows = comparisons.both.map((each) => [
    `${each.name}${failAt !== undefined && isWorse(each, failAt) ? " (!)" : ""}`,
    shown(each.base),
    shown(each.head),
    each.unit,
    each.ratio.toFixed(2),
    `${each.ratioMin.toFixed(2)} to ${each.ratioMax.toFixed(2)}`,
  ]);
  const lines = aligned([[`bench:${bench}`, ...HEAD.slice(1)], ...rows]);
  const gone = comparisons.onlyBase.map((name) => `at the base only: ${name}`);
  const added = comparisons.onlyHead.map((name) => `at the head only: ${name}`);
  return [...lines, ...gone, ...added].join("\n");
}

function shown(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 || column === 3
          ? cell.padEnd(widths[column] ?? 0)
          : cell.padStart(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
}
