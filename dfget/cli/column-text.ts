/** How many columns of a terminal a text takes; ideographs and emoji take two. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += widthOf(character);
  return columns;
}

/** The text with its middle left out, "~" in its place, where it takes more than `columnsMax` columns. */
export function cutMiddle(text: string, columnsMax: number): string {
  if (columnsOf(text) <= columnsMax) return text;
  if (columnsMax < 1) return "";
  // The end of a name tells files of a series apart.
  const end = lastColumns(text, Math.floor((columnsMax - 1) / 2));
  const start = firstColumns(text, columnsMax - 1 - columnsOf(end));
  return `${start}~${end}`;
}

/**
 * Names cut to at most `columnsMax` columns each, so that they stay apart where that is possible: what they have in
 * common at their ends or their starts goes before what tells them apart.
 */
export function cutApart(names: readonly string[], columnsMax: number): string[] {
  const middle = names.map((name) => cutMiddle(name, columnsMax));
  if (new Set(middle).size === new Set(names).size || columnsMax < 3) return middle;
  const end = commonLength(names.map((name) => Array.from(name).toReversed()));
  const start = commonLength(names.map((name) => Array.from(name)));
  const ways = [
    names.map((name) => {
      const characters = Array.from(name);
      const different = characters.slice(0, characters.length - end).join("");
      return `${cutMiddle(different, columnsMax - 1)}~`;
    }),
    names.map((name) => `~${cutMiddle(Array.from(name).slice(start).join(""), columnsMax - 1)}`),
  ];
  return ways.find((way) => new Set(way).size === new Set(names).size) ?? middle;
}

/** How many characters all have at their start. */
function commonLength(texts: readonly (readonly string[])[]): number {
  const [first = [], ...others] = texts;
  const length = first.findIndex((character, index) =>
    others.some((other) => other[index] !== character),
  );
  return length < 0 ? first.length : length;
}

/** The text made `columns` columns wide by spaces on one side. */
export function padded(text: string, columns: number, side: "left" | "right"): string {
  const spaces = " ".repeat(Math.max(0, columns - columnsOf(text)));
  return side === "left" ? spaces + text : text + spaces;
}

function firstColumns(text: string, columnsMax: number): string {
  let kept = "";
  let columns = 0;
  for (const character of text) {
    columns += widthOf(character);
    if (columns > columnsMax) break;
    kept += character;
  }
  return kept;
}

function lastColumns(text: string, columnsMax: number): string {
  const characters = Array.from(text);
  let start = characters.length;
  let columns = 0;
  while (start > 0) {
    columns += widthOf(characters[start - 1]!);
    if (columns > columnsMax) break;
    start -= 1;
  }
  return characters.slice(start).join("");
}

function widthOf(character: string): number {
  if (/\p{Mn}|\p{Me}/u.test(character)) return 0;
  const isWide =
    /\p{Script=Han}|\p{Script=Hangul}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Emoji_Presentation}|[\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u;
  return isWide.test(character) ? 2 : 1;
}
