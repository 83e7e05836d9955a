import { EXIT, UserError } from "../../platform/user-error.ts";

/** A part of a content: from a byte to a byte (included) or the end, or so many bytes at the end. */
export type WantedRange =
  { readonly firstByte: number; readonly lastByte?: number } | { readonly suffixBytes: number };

/** Reads `--range`. Throws UserError (usage). */
export function parseRangeOption(text: string): WantedRange {
  const match = /^(?:bytes=)?(\d{0,15})-(\d{0,15})$/.exec(text.trim());
  const [, first = "", last = ""] = match ?? [];
  if (!match || (first === "" && last === "")) throw bad(text, "such as 0-1023, 1024- or -512");
  if (first === "") {
    if (Number(last) === 0) throw bad(text, "of at least one byte");
    return { suffixBytes: Number(last) };
  }
  if (last === "") return { firstByte: Number(first) };
  if (Number(last) < Number(first)) throw bad(text, "whose end is not before its start");
  return { firstByte: Number(first), lastByte: Number(last) };
}

function bad(text: string, form: string): UserError {
  return new UserError(
    EXIT.usage,
    `--range must be one range ${form}, not ${JSON.stringify(text)}; see dfget --help`,
  );
}
