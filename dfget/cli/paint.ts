/** Colours for a terminal; each leaves the text as it is where none are wanted. */
export interface Paint {
  good(text: string): string;
  bad(text: string): string;
  dim(text: string): string;
}

/** Whether `--color` wants colours on a stream; "auto" heeds NO_COLOR and TERM. */
export function wantsColour(
  option: "auto" | "always" | "never",
  isTerminal: boolean,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if (option !== "auto") return option === "always";
  const { NO_COLOR: noColour = "", TERM: terminal = "" } = env;
  return isTerminal && noColour === "" && terminal !== "" && terminal !== "dumb";
}

/** Colours by the sequences that every terminal knows, or none. */
export function paintOf(hasColours: boolean): Paint {
  const wrap =
    (code: number) =>
    (text: string): string =>
      hasColours && text !== "" ? `\u001b[${code}m${text}\u001b[0m` : text;
  return { good: wrap(32), bad: wrap(31), dim: wrap(2) };
}
