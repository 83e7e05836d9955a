import { element } from "./markup.ts";
import type { Content, Markup } from "./markup.ts";

/** A plot with what it says, and its figures for those who want them. */
export interface Figure {
  readonly title: string;
  /** What to see in it, in one or two sentences. */
  readonly caption: string;
  readonly plot: Content;
  readonly legend?: readonly LegendEntry[];
  readonly table?: Table;
  /** Whether it takes the whole width of the page. */
  readonly isWide?: boolean;
}

/** A colour and what it stands for. */
export interface LegendEntry {
  readonly name: string;
  readonly colour: string;
  readonly kind?: "bar" | "line" | "dashed" | "mark";
}

/** Figures in rows. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A figure as a card of the page. */
export function figureCard(figure: Figure): Markup {
  return element(
    "figure",
    { class: figure.isWide === true ? "card wide" : "card" },
    element("h3", {}, figure.title),
    element("figcaption", {}, figure.caption),
    figure.legend === undefined ? "" : legendOf(figure.legend),
    figure.plot,
    figure.table === undefined ? "" : tableOf(figure.table),
  );
}

function legendOf(entries: readonly LegendEntry[]): Markup {
  return element(
    "div",
    { class: "legend" },
    entries.map(({ name, colour, kind = "bar" }) =>
      element("span", {}, element("i", { class: `key ${kind} ${colour}` }), name),
    ),
  );
}

function tableOf({ head, rows }: Table): Markup {
  return element(
    "details",
    {},
    element("summary", {}, "figures"),
    element(
      "table",
      {},
      element(
        "tr",
        {},
        head.map((cell) => element("th", {}, cell)),
      ),
      rows.map((row) =>
        element(
          "tr",
          {},
          row.map((cell) => element("td", {}, cell)),
        ),
      ),
    ),
  );
}
