import { percentile } from "../fleet/statistics.ts";
import { linePlot } from "./line-plot.ts";
import type { Markup } from "./markup.ts";

/** As many points as the eye tells apart. */
const POINTS_MAX = 100;

/** Values whose distribution is drawn as one line. */
export interface DistributedValues {
  readonly name: string;
  /** As in the style of the page. */
  readonly colour: string;
  readonly values: readonly number[];
}

/** A plot of the share of values, in per cent, that are at or below each value. */
export function distributionPlot(options: {
  readonly title: string;
  readonly width: number;
  readonly height: number;
  readonly xLabel: string;
  readonly lines: readonly DistributedValues[];
}): Markup {
  const { lines, ...others } = options;
  return linePlot({
    ...others,
    yLabel: "",
    yMax: 100,
    yText: (value) => `${value} %`,
    areNamesShown: false,
    lines: lines.map(({ name, colour, values }) => ({
      name,
      colour,
      isStepped: true,
      points: distribution(values),
    })),
  });
}

/** Points of the share, in per cent, of values at or below each value: one for each of few values, a hundred of many. */
export function distribution(values: readonly number[]): { x: number; y: number }[] {
  const sorted = values.toSorted((a, b) => a - b);
  const count = Math.min(sorted.length, POINTS_MAX);
  const steps = Array.from({ length: count }, (_, index) => {
    const share = (index + 1) / count;
    return { x: percentile(sorted, share), y: 100 * share };
  });
  return [{ x: 0, y: 0 }, ...steps];
}
