/** What something costs, for each round in which it was measured. The more, the worse. */
export interface Cost {
  readonly name: string;
  /** At least one. */
  readonly rounds: readonly number[];
  readonly unit: string;
}

/** A cost at two commits. */
export interface Comparison {
  readonly name: string;
  readonly unit: string;
  /** Medians over the rounds. */
  readonly base: number;
  readonly head: number;
  /** How many times as much it costs at the head, of the medians. */
  readonly ratio: number;
  /** The least and the most that a round of the one gives against a round of the other. */
  readonly ratioMin: number;
  readonly ratioMax: number;
  /** The ratio of the best rounds: what other work on the machine adds is in neither. */
  readonly bestRatio: number;
}

/** Two sets of costs: those that both have are compared, and the names of the others are told. */
export interface Comparisons {
  readonly both: readonly Comparison[];
  readonly onlyBase: readonly string[];
  readonly onlyHead: readonly string[];
}

/** Compares what was measured at two commits. */
export function compareCosts(base: readonly Cost[], head: readonly Cost[]): Comparisons {
  const before = new Map(base.map((cost) => [cost.name, cost]));
  const after = new Set(head.map(({ name }) => name));
  return {
    both: head.flatMap((cost) => {
      const earlier = before.get(cost.name);
      return earlier === undefined ? [] : [comparisonOf(earlier, cost)];
    }),
    onlyBase: base.map(({ name }) => name).filter((name) => !after.has(name)),
    onlyHead: head.map(({ name }) => name).filter((name) => !before.has(name)),
  };
}

/** Puts rounds of the same costs together. */
export function joinRounds(runs: readonly (readonly Cost[])[]): Cost[] {
  const joined = new Map<string, Cost>();
  for (const cost of runs.flat()) {
    const earlier = joined.get(cost.name)?.rounds ?? [];
    joined.set(cost.name, { ...cost, rounds: [...earlier, ...cost.rounds] });
  }
  return [...joined.values()];
}

/**
 * Whether a cost has grown so many times. The best rounds decide: on a machine with other work the medians vary by
 * more than that.
 */
export function isWorse({ bestRatio }: Comparison, failAt: number): boolean {
  return bestRatio >= failAt;
}

function comparisonOf(base: Cost, head: Cost): Comparison {
  const [least, most] = [Math.min(...base.rounds), Math.max(...base.rounds)];
  return {
    name: head.name,
    unit: head.unit,
    base: median(base.rounds),
    head: median(head.rounds),
    ratio: median(head.rounds) / median(base.rounds),
    ratioMin: Math.min(...head.rounds) / most,
    ratioMax: Math.max(...head.rounds) / least,
    bestRatio: Math.min(...head.rounds) / least,
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [upper = NaN, lower = NaN] = [sorted[middle], sorted[middle - 1]];
  return sorted.length % 2 === 1 ? upper : (lower + upper) / 2;
}
