import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { format } from "prettier";
import { RUNTIME_CLIENTS } from "./runtime-client.ts";

const PAGE = join(import.meta.dirname, "..", "..", "docs", "reference", "clients.md");
/** Where the part about the swarm begins. */
const SECOND = "\n## Faults of the swarm\n";

export type PagePart = "registry" | "swarm";

/** A table of what clients see, as the page about clients has it. */
export function clientTable(first: string, rows: readonly string[]): string {
  const head = `| ${first} | ${RUNTIME_CLIENTS.join(" | ")} |`;
  return [head, `| --- | ${RUNTIME_CLIENTS.map(() => "---").join(" | ")} |`, ...rows].join("\n");
}

/** What stands in one part of the page about clients. */
export async function readClientsPart(part: PagePart): Promise<string> {
  const page = await readFile(PAGE, "utf8");
  const at = page.indexOf(SECOND);
  if (at < 0) return part === "registry" ? page : "";
  return part === "registry" ? page.slice(0, at) : page.slice(at);
}

/** A part as it has to stand in the page; it is written there when the environment has UPDATE_CLIENTS=1. */
export async function formattedClientsPart(part: PagePart, text: string): Promise<string> {
  const formatted = await format(text, { parser: "markdown", printWidth: 100 });
  const own = part === "registry" ? formatted : `\n${formatted}`;
  if (process.env["UPDATE_CLIENTS"] === "1") {
    const other = await readClientsPart(part === "registry" ? "swarm" : "registry");
    await writeFile(PAGE, part === "registry" ? own + other : other + own);
  }
  return own;
}

/** A row of a table without the spaces that align its columns. */
export function bareRow(row: string): string {
  return row.replaceAll(/ +/g, " ").trim();
}
