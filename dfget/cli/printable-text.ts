/** Text from a file name or another program, harmless on a terminal: control characters become "?". */
export function printableText(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
}

/** How many columns of a terminal a text takes; ideographs and emoji take two. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += widthOf(character);
  return columns;
}

/** The text cut to at most `columnsMax` columns, with "~" where it was cut. */
export function cutToColumns(text: string, columnsMax: number): string {
  if (columnsOf(text) <= columnsMax) return text;
  let kept = "";
  let columns = 1;
  for (const character of text) {
    columns += widthOf(character);
    if (columns > columnsMax) break;
    kept += character;
  }
  return columnsMax < 1 ? "" : `${kept}~`;
}

function widthOf(character: string): number {
  if (/\p{Mn}|\p{Me}/u.test(character)) return 0;
  const isWide =
    /\p{Script=Han}|\p{Script=Hangul}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Emoji_Presentation}|[\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u;
  return isWide.test(character) ? 2 : 1;
}
