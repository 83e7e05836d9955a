import { shortText } from "../../../platform/printable-text.ts";
import { EXIT, UserError } from "../../../platform/user-error.ts";
import type { CacheListing, CachedTask } from "../../daemon/cache-schema.ts";
import type { CacheCall } from "./run-cache.ts";

/** So much of a digest or an id has to be written at least. */
const PREFIX_LENGTH_MIN = 4;

/** Everything that the node holds. Throws UserError. */
export async function listingOf({ client, signal }: CacheCall): Promise<CacheListing> {
  return (await client.ask({ method: "GET", path: "/v1/tasks" }, signal)) as CacheListing;
}

/** The task that a word on the command line means. Throws UserError (not found, usage). */
export function taskMeant(tasks: readonly CachedTask[], text: string): CachedTask {
  const exact = tasks.find((task) => task.taskId === text || task.name === text);
  if (exact) return exact;
  const meant = tasks.filter((task) => isMeant(task, text));
  const [first, ...others] = meant;
  if (first && others.length === 0) return first;
  if (first) {
    const ids = meant.slice(0, 5).map(({ taskId }) => taskId);
    throw new UserError(
      EXIT.usage,
      `${text} can mean ${meant.length} tasks, such as ${ids.join(", ")}; write more of one`,
    );
  }
  throw new UserError(
    EXIT.notFound,
    `this node holds nothing that is called ${JSON.stringify(shortText(text, 200))}; see dfget ls`,
  );
}

function isMeant({ taskId, source }: CachedTask, text: string): boolean {
  if (text.includes("://")) return source !== undefined && source === plainUrl(text);
  if (text.length < PREFIX_LENGTH_MIN) return false;
  return taskId.startsWith(text) || taskId.slice(taskId.indexOf(":") + 1).startsWith(text);
}

/** A URL as the daemon keeps it. */
function plainUrl(text: string): string {
  const url = URL.parse(text);
  return url ? `${url.origin}${url.pathname}` : text;
}

/** "1 task", "12 tasks". */
export function countOf({ length }: readonly unknown[]): string {
  return length === 1 ? "1 task" : `${length} tasks`;
}
