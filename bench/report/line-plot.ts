import { element, group } from "./markup.ts";
import type { Markup } from "./markup.ts";
import { linearScale, tickText } from "./scale.ts";
import type { Scale } from "./scale.ts";

/** One line of a plot. */
export interface Line {
  readonly name: string;
  /** The class that gives it its colour. */
  readonly colour: string;
  readonly points: readonly { readonly x: number; readonly y: number; readonly says?: string }[];
  readonly isDashed?: boolean;
  /** Goes from point to point in steps, as a distribution does, and shows no points. */
  readonly isStepped?: boolean;
}

/** What a plot of lines is made of. */
export interface LinePlot {
  readonly title: string;
  readonly width: number;
  readonly height: number;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly lines: readonly Line[];
  /** Where the axes end at least. */
  readonly xMax?: number;
  readonly yMax?: number;
  /** Written at the axis instead of round numbers. */
  readonly xTicks?: readonly { readonly x: number; readonly text: string }[];
  readonly yText?: (value: number) => string;
  /** Names are written beside the ends of the lines; without them a legend stands elsewhere. */
  readonly areNamesShown?: boolean;
}

const LEFT = 46;
const TOP = 26;
const BOTTOM = 40;
const NAME_CHARACTER_WIDTH = 6.7;
const NAME_HEIGHT = 15;

/** Draws lines over two axes that begin at zero. */
export function linePlot(plot: LinePlot): Markup {
  const { width, height, lines } = plot;
  const names = plot.areNamesShown === false ? [] : lines.map(({ name }) => name.length);
  const right = 12 + Math.max(0, ...names) * NAME_CHARACTER_WIDTH;
  const points = lines.flatMap((line) => line.points);
  const xs = linearScale(
    Math.max(plot.xMax ?? 0, ...points.map(({ x }) => x)),
    LEFT,
    width - right,
    Math.max(2, Math.round((width - LEFT - right) / 90)),
  );
  const bottom = height - BOTTOM;
  const ys = linearScale(
    Math.max(plot.yMax ?? 0, ...points.map(({ y }) => y)),
    bottom,
    TOP,
    Math.max(2, Math.round((bottom - TOP) / 50)),
  );
  return element(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": plot.title, class: "plot" },
    axes(plot, xs, ys),
    lines.map((line) => drawn(line, xs, ys)),
    plot.areNamesShown === false ? "" : lineNames(lines, xs, ys),
  );
}

function axes(plot: LinePlot, xs: Scale, ys: Scale): Markup {
  const [left, right] = [xs.at(0), xs.at(xs.max)];
  const [bottom, top] = [ys.at(0), ys.at(ys.max)];
  const xTicks = plot.xTicks ?? xs.ticks.map((x) => ({ x, text: tickText(x) }));
  const yText = plot.yText ?? tickText;
  return group(
    ys.ticks.map((tick) =>
      group(
        element("line", { class: "grid", x1: left, x2: right, y1: ys.at(tick), y2: ys.at(tick) }),
        element("text", { class: "tick end", x: left - 6, y: ys.at(tick) + 4 }, yText(tick)),
      ),
    ),
    element("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }),
    xTicks.map(({ x, text }) =>
      element("text", { class: "tick middle", x: xs.at(x), y: bottom + 16 }, text),
    ),
    element("text", { class: "label middle", x: (left + right) / 2, y: bottom + 34 }, plot.xLabel),
    element("text", { class: "label", x: 2, y: top - 12 }, plot.yLabel),
  );
}

function drawn(line: Line, xs: Scale, ys: Scale): Markup {
  const places = line.points.map((point) => ({ ...point, px: xs.at(point.x), py: ys.at(point.y) }));
  const path = places
    .map(({ px, py }, index) => {
      if (index === 0) return `M${px.toFixed(1)} ${py.toFixed(1)}`;
      return line.isStepped === true
        ? `H${px.toFixed(1)}V${py.toFixed(1)}`
        : `L${px.toFixed(1)} ${py.toFixed(1)}`;
    })
    .join("");
  const dots =
    line.isStepped === true || line.isDashed === true
      ? []
      : places.map(({ px, py, x, y, says }) =>
          element(
            "circle",
            { class: `dot ${line.colour}`, cx: px, cy: py, r: 3.5 },
            element("title", {}, says ?? `${line.name}: ${tickText(x)}, ${y}`),
          ),
        );
  return group(
    element("path", {
      class: `line ${line.colour}${line.isDashed === true ? " dashed" : ""}`,
      // A distribution stays where it ended.
      d: line.isStepped === true ? `${path}H${xs.at(xs.max).toFixed(1)}` : path,
    }),
    dots,
  );
}

/** Names at the ends of the lines, moved apart where lines end close together. */
function lineNames(lines: readonly Line[], xs: Scale, ys: Scale): Markup {
  const ends = lines
    .flatMap(({ name, colour, points }) => {
      const end = points.at(-1);
      return end === undefined ? [] : [{ name, colour, x: xs.at(end.x), y: ys.at(end.y) }];
    })
    .sort((a, b) => b.y - a.y);
  let above = Infinity;
  return group(
    ends.map(({ name, colour, x, y }) => {
      above = Math.min(y + 4, above - NAME_HEIGHT);
      return element("text", { class: `name ${colour}`, x: x + 9, y: above }, name);
    }),
  );
}
