/** A piece of HTML or SVG whose text has been escaped. */
export interface Markup {
  readonly markup: string;
}

/** What may stand inside an element: markup as it is, or text that is escaped. */
export type Content = Markup | string | readonly Content[];

/** Attributes of an element; undefined ones are left out, numbers are rounded to what a pixel needs. */
export type Attributes = Readonly<Record<string, string | number | undefined>>;

const VOID_ELEMENTS = new Set(["meta", "br"]);

/** An element of HTML or SVG. */
export function element(name: string, attributes: Attributes = {}, ...content: Content[]): Markup {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${escaped(valueText(value ?? ""))}"`)
    .join("");
  if (VOID_ELEMENTS.has(name)) return { markup: `<${name}${written}>` };
  return { markup: `<${name}${written}>${joined(content)}</${name}>` };
}

/** Several pieces one after the other. */
export function group(...content: Content[]): Markup {
  return { markup: joined(content) };
}

function joined(content: Content): string {
  if (typeof content === "string") return escaped(content);
  if ("markup" in content) return content.markup;
  return content.map(joined).join("");
}

function valueText(value: string | number): string {
  return typeof value === "number" ? String(Math.round(value * 100) / 100) : value;
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
