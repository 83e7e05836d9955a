/** Text from a file name or another program, harmless on a terminal: control characters become "?". */
export function printableText(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
}

/** The text with its middle left out where it has more than `lengthMax` characters. */
export function shortText(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text;
  const half = Math.floor((lengthMax - 3) / 2);
  return `${text.slice(0, half)}...${text.slice(-half)}`;
}
