import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { Clock } from "../clock.ts";
import type { OriginBook } from "./origin-book.ts";
import type { OriginFetch, OriginRequest } from "./origin-request.ts";

/** How long a mirror that could not be reached comes after all others. */
const REST_MS = 30_000;

/**
 * Asks the mirrors that the book names for an origin, in order, and then the origin itself; refuses what the book does not
 * allow. Credentials are the origin's: requests that bring them go to it alone.
 */
export function mirrored(
  fetch: OriginFetch,
  book: OriginBook,
  deps: { readonly clock: Clock },
): OriginFetch {
  const restUntilMs = new Map<string, number>();
  return async (request, signal) => {
    const url = URL.parse(request.url);
    if (!url) return await fetch(request, signal);
    const refusal = book.refusalOf(url);
    if (refusal !== undefined) throw new ProtocolError("ORIGIN_FORBIDDEN", refusal);
    const mirrors = hasCredential(request, url) ? [] : (book.entryOf(url)?.mirrors ?? []);
    const nowMs = deps.clock.nowMs();
    for (const mirror of mirrors) {
      const isResting = (restUntilMs.get(mirror.href) ?? 0) > nowMs;
      if (isResting) continue;
      try {
        const at = { ...request, url: atMirror(mirror, url), isAnswerFinal: true };
        return await fetch(at, signal);
      } catch (error) {
        if (signal.aborted || !(error instanceof ProtocolError)) throw error;
        const isAway = error.code === "ORIGIN_UNREACHABLE";
        if (isAway) restUntilMs.set(mirror.href, deps.clock.nowMs() + REST_MS);
      }
    }
    return await fetch(request, signal);
  };
}

function hasCredential({ headers }: OriginRequest, url: URL): boolean {
  if (url.username !== "" || url.password !== "") return true;
  return [...headers.keys()].some((name) => /^(?:authorization|cookie)$/i.test(name));
}

function atMirror(mirror: URL, { pathname, search }: URL): string {
  return `${mirror.origin}${mirror.pathname.replace(/\/+$/, "")}${pathname}${search}`;
}
