/** Something small that is done again and again. `run` returns what keeps it from being optimised away. */
export interface Work {
  readonly name: string;
  readonly run: () => number;
}

/** How fast a work is, as the median of several rounds. */
export interface Measurement {
  readonly name: string;
  readonly perSecond: number;
  readonly microsecondsEach: number;
  /** Of the fastest round: what other work on the machine adds is hardly in it. */
  readonly fastestMicrosecondsEach: number;
  /** The slowest round in relation to the median: how far the figure can be trusted. */
  readonly spread: number;
}

const ROUND_MS = 80;
const ROUNDS = 7;

/** Measures a work for about half a second, after it has run in. */
export function measure({ name, run }: Work): Measurement {
  let sum = 0;
  let times = 1;
  for (;;) {
    const tookMs = timeMs(times);
    if (tookMs > ROUND_MS / 2) break;
    times = Math.ceil((times * ROUND_MS) / Math.max(tookMs, 0.5));
  }
  const rounds = Array.from({ length: ROUNDS }, () => timeMs(times) / times).sort((a, b) => a - b);
  const medianMs = rounds[Math.floor(ROUNDS / 2)]!;
  if (Number.isNaN(sum)) throw new Error(`${name} came to no number`);
  return {
    name,
    perSecond: 1000 / medianMs,
    microsecondsEach: 1000 * medianMs,
    fastestMicrosecondsEach: 1000 * rounds[0]!,
    spread: rounds[ROUNDS - 1]! / medianMs,
  };

  function timeMs(count: number): number {
    const began = performance.now();
    for (let i = 0; i < count; i++) sum += run();
    return performance.now() - began;
  }
}
