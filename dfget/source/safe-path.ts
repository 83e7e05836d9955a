import { shortText } from "../../platform/printable-text.ts";
import type { FoundEntry } from "./source.ts";

const PART_BYTES_MAX = 255;

/**
 * A path below a directory, from parts that somebody else chose. Returns undefined where one of them would lead out
 * of the directory, or can be no file name.
 */
export function safePath(parts: readonly string[]): string | undefined {
  const isSafe = (part: string): boolean =>
    part !== "" &&
    part !== "." &&
    part !== ".." &&
    !part.includes("/") &&
    !part.includes("\0") &&
    Buffer.byteLength(part) <= PART_BYTES_MAX;
  return parts.length > 0 && parts.every(isSafe) ? parts.join("/") : undefined;
}

/** Says that files are not fetched because of what somebody called them. */
export function leftOut(names: readonly string[], place: string): FoundEntry {
  const example = JSON.stringify(shortText(names[0] ?? "", 80));
  const [what, are] =
    names.length === 1
      ? [`the name ${example}`, "is"]
      : [`${names.length} names, such as ${example},`, "are"];
  return {
    kind: "left-out",
    sentence: `${what} in ${place} ${are} left out: no file can be called so`,
  };
}
