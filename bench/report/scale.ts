/** Maps values to places along an axis. */
export interface Scale {
  readonly min: number;
  readonly max: number;
  /** Round values to write at the axis, rising. */
  readonly ticks: readonly number[];
  /** The place of a value, from `from` to `to` as the scale was made. */
  at(value: number): number;
}

const STEPS = [1, 2, 2.5, 5, 10];

/**
 * A scale from 0 to a round number at or above `max`, with about `tickCount` ticks. Everything is at 0 when `max` is
 * not above 0.
 */
export function linearScale(max: number, from: number, to: number, tickCount = 5): Scale {
  const top = max > 0 ? max : 1;
  const step = roundStep(top / tickCount);
  const count = Math.ceil(top / step - 1e-9);
  const ticks = Array.from({ length: count + 1 }, (_, i) => clean(i * step));
  const end = ticks.at(-1) ?? 1;
  return { min: 0, max: end, ticks, at: (value) => from + (value / end) * (to - from) };
}

/** A number for people: as many digits as tell values of this size apart. */
export function shortNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 10_000) return Math.round(value).toLocaleString("en");
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}

/** A tick of an axis, without digits that it does not need. */
export function tickText(value: number): string {
  return value >= 10_000 ? value.toLocaleString("en") : String(value);
}

function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  const wanted = STEPS.find((candidate) => candidate * power >= step - 1e-12) ?? 10;
  return wanted * power;
}

/** Without what adding in binary leaves behind. */
function clean(value: number): number {
  return Number(value.toPrecision(12));
}
