/**
 * When each node begins, in milliseconds after the first: one at 0, one at `spreadMs`, the others at moments
 * between that `random` draws; in no order. All at 0 when `spreadMs` is.
 */
export function drawArrivals(
  nodeCount: number,
  spreadMs: number,
  random: () => number,
): readonly number[] {
  const moments = Array.from({ length: nodeCount }, () => random() * spreadMs);
  const last = Math.floor(random() * nodeCount);
  const first = (last + 1 + Math.floor(random() * (nodeCount - 1))) % nodeCount;
  moments[last] = spreadMs;
  moments[first] = 0;
  return moments;
}
