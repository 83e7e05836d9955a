import { FLEET_PROFILES } from "../fleet/profiles.ts";
import type { BenchReport } from "../fleet/bench-report.ts";
import type { FleetKept } from "./kept-results.ts";

/** How many hosts a run had. */
export function nodeCountOf(report: BenchReport): number {
  return Number(report.options["nodeCount"]);
}

/** The newest result of each profile with the same number of hosts, in the order of the list of profiles. */
export function newestOfProfiles(kept: readonly FleetKept[], nodeCount: number): BenchReport[] {
  return FLEET_PROFILES.flatMap(({ name }) => {
    const newest = kept
      .filter(({ result }) => result.profile === name && nodeCountOf(result) === nodeCount)
      .at(-1);
    return newest === undefined ? [] : [newest.result];
  });
}

/** The newest result of one profile for every number of hosts, from few to many. */
export function newestOfSizes(kept: readonly FleetKept[], profile: string): BenchReport[] {
  const byCount = new Map(
    kept
      .filter(({ result }) => result.profile === profile)
      .map(({ result }) => [nodeCountOf(result), result] as const),
  );
  return [...byCount].sort(([a], [b]) => a - b).map(([, report]) => report);
}

/** The number of hosts that most profiles were measured with; undefined when there are no results. */
export function usualNodeCount(kept: readonly FleetKept[]): number | undefined {
  const profilesOf = new Map<number, Set<string | null>>();
  for (const { result } of kept) {
    const count = nodeCountOf(result);
    profilesOf.set(count, (profilesOf.get(count) ?? new Set()).add(result.profile));
  }
  const most = [...profilesOf].sort(([a, x], [b, y]) => y.size - x.size || b - a);
  return most[0]?.[0];
}

/** How long each host took from its own beginning, of all runs together, rising. */
export function ownSeconds(report: BenchReport): number[] {
  return report.samples.runs
    .flatMap(({ nodes }) => nodes.flatMap(({ last_s }) => last_s ?? []))
    .sort((a, b) => a - b);
}
