/** More than multiplying a share is off by, and less than a rank. */
const ROUNDING_MAX = 1e-6;

/**
 * The value below or at which a share (0 to 1) of the values lies, by nearest rank: always one of the values.
 * Throws RangeError when there are none.
 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  // 0.07 * 100 is a little more than 7, and the value of the eighth rank is not meant.
  const rank = Math.max(1, Math.ceil(share * sorted.length - ROUNDING_MAX));
  const value = sorted[rank - 1];
  if (value === undefined) throw new RangeError("no percentile of no values");
  return value;
}

/** The element whose figure is the median one; of an even number, the lower of the two in the middle. */
export function medianBy<T>(elements: readonly T[], figure: (element: T) => number): T {
  const sorted = elements.toSorted((a, b) => figure(a) - figure(b));
  const median = sorted[Math.ceil(sorted.length / 2) - 1];
  if (median === undefined) throw new RangeError("no median of no elements");
  return median;
}

/** The sum of numbers. */
export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
