import { formatByteCount } from "../../../platform/quantity.ts";
import { EXIT, UserError } from "../../../platform/user-error.ts";
import type { CachedTask } from "../../daemon/cache-schema.ts";
import { printableText } from "../../../platform/printable-text.ts";
import { columnsOf } from "../column-text.ts";
import type { CacheCall } from "./run-cache.ts";
import { countOf, listingOf, taskMeant } from "./task-reference.ts";

const SHORT_ID_LENGTH = 19;

/** `dfget ls`. */
export async function listTasks(call: CacheCall): Promise<void> {
  const listing = await listingOf(call);
  if (call.isJson) return call.print(JSON.stringify(listing));
  const { tasks, usedBytes, quotaBytes } = listing;
  const rows = tasks.map((task) => [
    task.taskId.slice(0, SHORT_ID_LENGTH),
    formatByteCount(task.lengthBytes ?? task.heldBytes),
    stateOf(task),
    new Date(task.lastUsedAtMs).toISOString().slice(0, 19).replace("T", " "),
    printableText(task.name ?? task.source ?? ""),
  ]);
  for (const line of tableLines([["TASK", "SIZE", "STATE", "LAST USED (UTC)", "NAME"], ...rows])) {
    call.print(line);
  }
  const quota = quotaBytes === 0 ? "" : ` of ${formatByteCount(quotaBytes)}`;
  call.print(`${countOf(tasks)}, ${formatByteCount(usedBytes)}${quota}`);
}

/** `dfget stat TASK...`. */
export async function showTasks(call: CacheCall): Promise<void> {
  if (call.operands.length === 0)
    throw new UserError(EXIT.usage, "there is no task to tell of; name one that dfget ls shows");
  const { tasks } = await listingOf(call);
  const meant = call.operands.map((text) => taskMeant(tasks, text));
  if (call.isJson) return call.print(JSON.stringify(meant.length === 1 ? meant[0] : meant));
  call.print(meant.map(describe).join("\n\n"));
}

function describe(task: CachedTask): string {
  const rows = [
    ["task", task.taskId],
    ["name", task.name],
    ["source", task.source],
    ["length", task.lengthBytes === undefined ? "not known" : formatByteCount(task.lengthBytes)],
    ["held", formatByteCount(task.heldBytes)],
    ["state", stateOf(task)],
    ["type", task.mediaType],
    ["last used", new Date(task.lastUsedAtMs).toISOString()],
  ];
  return rows
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key!.padEnd(10)}${printableText(value!)}`)
    .join("\n");
}

function stateOf({
  isComplete,
  isPinned,
  isInUse,
  isPrivate,
  lengthBytes,
  heldBytes,
}: CachedTask): string {
  const share = lengthBytes ? `${Math.floor((heldBytes / lengthBytes) * 100)}%` : "part";
  return [
    isComplete ? "complete" : share,
    ...(isPinned ? ["pinned"] : []),
    ...(isInUse ? ["in use"] : []),
    ...(isPrivate ? ["private"] : []),
  ].join(", ");
}

/** Rows whose columns stand below each other; the last one is as long as it is. */
export function tableLines(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) =>
    Math.max(...rows.map((row) => columnsOf(row[i] ?? ""))),
  );
  return rows.map((row) =>
    row
      .map((cell, i) =>
        i === row.length - 1 ? cell : cell + " ".repeat(widths[i]! - columnsOf(cell)),
      )
      .join("  ")
      .trimEnd(),
  );
}
