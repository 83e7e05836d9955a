import { element, group } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { linearScale, shortNumber, tickText } from "./scale.ts";
import type { Scale } from "./scale.ts";

/** One bar, or several parts of one bar after each other. */
export interface Bar {
  readonly parts: readonly {
    readonly value: number;
    readonly colour: string;
    readonly says: string;
  }[];
  /** Written behind the bar; the sum of the parts when left out. */
  readonly text?: string;
  /** Single measurements that the bar stands for. */
  readonly dots?: readonly number[];
}

/** Bars that belong together. */
export interface BarGroup {
  readonly name: string;
  readonly bars: readonly Bar[];
  /** A value to compare with, as a mark across the bars. */
  readonly mark?: { readonly value: number; readonly says: string };
}

/** What a plot of horizontal bars is made of. */
export interface BarPlot {
  readonly title: string;
  readonly width: number;
  readonly xLabel: string;
  readonly groups: readonly BarGroup[];
  /** Where the axis ends; values beyond it are not drawn further. */
  readonly xMax?: number;
  readonly barHeight?: number;
  /** Room for the texts behind the bars. */
  readonly textWidth?: number;
}

const GAP = 14;
const BAR_GAP = 3;
const BOTTOM = 40;
const CHARACTER_WIDTH = 7.7;
const TEXT_WIDTH = 66;

/** Draws horizontal bars over an axis that begins at zero. */
export function barPlot(plot: BarPlot): Markup {
  const { groups, width, barHeight = 14, textWidth = TEXT_WIDTH } = plot;
  const left = 14 + Math.max(0, ...groups.map(({ name }) => name.length)) * CHARACTER_WIDTH;
  const longest = Math.max(
    0,
    ...groups.map(({ mark }) => mark?.value ?? 0),
    ...groups.flatMap(({ bars }) => bars.flatMap((bar) => [lengthOf(bar), ...(bar.dots ?? [])])),
  );
  const right = width - textWidth;
  const xs = linearScale(
    Math.min(longest, plot.xMax ?? Infinity),
    left,
    right,
    Math.max(2, Math.round((right - left) / 90)),
  );
  const heights = groups.map(({ bars }) => bars.length * (barHeight + BAR_GAP) + GAP);
  const height = heights.reduce((sum, each) => sum + each, 0) + BOTTOM;
  let top = GAP / 2;
  const drawn = groups.map((each, index) => {
    const markup = drawGroup(each, xs, { top, left, barHeight });
    top += heights[index] ?? 0;
    return markup;
  });
  return element(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": plot.title, class: "plot" },
    xs.ticks.map((tick) =>
      group(
        element("line", { class: "grid", x1: xs.at(tick), x2: xs.at(tick), y1: 0, y2: top }),
        element("text", { class: "tick middle", x: xs.at(tick), y: top + 14 }, tickText(tick)),
      ),
    ),
    element("text", { class: "label middle", x: (left + right) / 2, y: top + 32 }, plot.xLabel),
    drawn,
    element("line", { class: "axis", x1: left, x2: left, y1: 0, y2: top }),
  );
}

function drawGroup(
  { name, bars, mark }: BarGroup,
  xs: Scale,
  place: { readonly top: number; readonly left: number; readonly barHeight: number },
): Markup {
  const { top, left, barHeight } = place;
  const height = bars.length * (barHeight + BAR_GAP);
  const middle = top + height / 2;
  return group(
    element("text", { class: "bar-name end", x: left - 8, y: middle + 3 }, name),
    bars.map((bar, index) =>
      drawBar(bar, xs, {
        top: top + index * (barHeight + BAR_GAP),
        height: barHeight,
        markAt: mark === undefined ? undefined : xs.at(mark.value),
      }),
    ),
    mark === undefined
      ? ""
      : element(
          "line",
          {
            class: "mark",
            x1: xs.at(mark.value),
            x2: xs.at(mark.value),
            y1: top - 3,
            y2: top + height,
          },
          element("title", {}, mark.says),
        ),
  );
}

function drawBar(
  bar: Bar,
  xs: Scale,
  place: { readonly top: number; readonly height: number; readonly markAt: number | undefined },
): Markup {
  const { top, height, markAt } = place;
  let from = 0;
  const parts = bar.parts.map(({ value, colour, says }) => {
    const [x1, x2] = [xs.at(Math.min(from, xs.max)), xs.at(Math.min(from + value, xs.max))];
    from += value;
    return element(
      "rect",
      { class: `bar ${colour}`, x: x1, y: top, width: Math.max(0, x2 - x1), height, rx: 1.5 },
      element("title", {}, says),
    );
  });
  const dots = (bar.dots ?? []).map((dot) =>
    element("circle", { class: "sample", cx: xs.at(dot), cy: top + height / 2, r: 2.2 }),
  );
  const farthest = Math.min(Math.max(lengthOf(bar), ...(bar.dots ?? [])), xs.max);
  const text = bar.text ?? shortNumber(lengthOf(bar));
  const end = xs.at(farthest);
  const isInTheWay =
    markAt !== undefined && markAt > end - 8 && markAt < end + 10 + text.length * CHARACTER_WIDTH;
  const x = (isInTheWay ? markAt : end) + 6;
  return group(parts, dots, element("text", { class: "value", x, y: top + height / 2 + 4 }, text));
}

function lengthOf({ parts }: Bar): number {
  return parts.reduce((sum, { value }) => sum + value, 0);
}
