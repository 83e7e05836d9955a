import type { Digest } from "./digest.ts";
import { parseDigest } from "./digest.ts";

declare const taskIdBrand: unique symbol;

/**
 * What a task is known by everywhere: the digest itself where the content has one, so that the same
 * layer behind two registries is one task, else `url:<sha256 hex>` of {@link urlTaskKey}.
 *
 * Content that its origin hands out to some callers only is another task, `<digest>@<scope>`: the scope
 * stands for the origin whose word decides who may have it.
 */
export type TaskId = string & { readonly [taskIdBrand]: true };

/** How many hex digits a scope has; with them the longest id has 160 characters. */
export const SCOPE_LENGTH = 24;

/** Reads a task id that came from outside. Returns undefined when it has none of the forms. */
export function parseTaskId(text: string): TaskId | undefined {
  if (/^url:[0-9a-f]{64}$/.test(text)) return text as TaskId;
  const at = text.indexOf("@");
  if (at < 0) return parseDigest(text) as TaskId | undefined;
  const isPrivate = isScope(text.slice(at + 1)) && parseDigest(text.slice(0, at)) !== undefined;
  return isPrivate ? (text as TaskId) : undefined;
}

/**
 * The task id of content with a known digest that only those may have to whom the origin behind `scope` gives
 * it. Throws RangeError for a scope that has not its form.
 */
export function privateTaskId(digest: Digest, scope: string): TaskId {
  if (!isScope(scope)) throw new RangeError(`a scope has ${SCOPE_LENGTH} hex digits`);
  return `${digest}@${scope}` as TaskId;
}

/** The scope of a private task; undefined for a task that everybody may have. */
export function taskScope(taskId: TaskId): string | undefined {
  const at = taskId.indexOf("@");
  return at < 0 ? undefined : taskId.slice(at + 1);
}

/** The task id of content with a known digest. */
export function digestTaskId(digest: Digest): TaskId {
  return digest as string as TaskId;
}

/** The digest that a task id is made of, or undefined for the id of a URL. */
export function taskDigest(taskId: TaskId): Digest | undefined {
  const at = taskId.indexOf("@");
  return parseDigest(at < 0 ? taskId : taskId.slice(0, at));
}

/** What tells one version of a file at a URL from every other file. */
export interface UrlTaskIdentity {
  readonly url: string;
  /** Names of query parameters that do not count, such as signatures and expiry times. */
  readonly filteredQueryParameters: readonly string[];
  /** A word of the caller's that separates tasks of the same URL; empty for none. */
  readonly tag: string;
  /**
   * The headers that the caller sends to the origin. They decide what it answers, so a file fetched
   * with somebody's credentials is never the task of somebody who has none.
   */
  readonly headers: ReadonlyMap<string, string>;
  /** The origin's validator: ETag, else Last-Modified and length, else something used once. */
  readonly validator: string;
}

/** The text whose sha256 is the id of a URL task; it holds secrets and must not be kept or logged. */
export function urlTaskKey(identity: UrlTaskIdentity): string {
  const headers = [...identity.headers]
    .map(([name, value]) => [name.toLowerCase(), value])
    .sort(([a], [b]) => (a! < b! ? -1 : 1));
  return JSON.stringify([
    "darter-url-task",
    withoutQueryParameters(identity.url, identity.filteredQueryParameters),
    identity.tag,
    headers,
    identity.validator,
  ]);
}

/** The URL without its fragment and without the named query parameters; the others keep their order. */
export function withoutQueryParameters(url: string, names: readonly string[]): string {
  const withoutFragment = url.split("#", 1)[0]!;
  const question = withoutFragment.indexOf("?");
  if (question < 0 || names.length === 0) return withoutFragment;
  const kept = withoutFragment
    .slice(question + 1)
    .split("&")
    .filter((pair) => !names.includes(pair.split("=", 1)[0]!));
  const path = withoutFragment.slice(0, question);
  return kept.length === 0 ? path : `${path}?${kept.join("&")}`;
}

function isScope(text: string): boolean {
  return text.length === SCOPE_LENGTH && /^[0-9a-f]+$/.test(text);
}
