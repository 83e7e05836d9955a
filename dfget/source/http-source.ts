import pLimit from "p-limit";

import { EXIT, UserError } from "../../platform/user-error.ts";
import { printableUrl } from "../../platform/printable-url.ts";
import { readListing } from "./listing-page.ts";
import { fetchText } from "./read-body.ts";
import { leftOut, safePath } from "./safe-path.ts";
import type { FoundEntry, Source, SourceDeps } from "./source.ts";

/** Listings that are read at once. */
const LISTINGS_AT_ONCE = 8;

/** Files of HTTP servers: one, or with `--recursive` all that the server lists below a directory. */
export const httpSource: Source = {
  schemes: ["http:", "https:"],
  async *find(url, deps, signal) {
    if (!deps.options.isRecursive) {
      yield { kind: "file", url };
      return;
    }
    const start = new URL(url);
    if (!start.pathname.endsWith("/")) start.pathname += "/";
    yield* new DirectoryWalk(deps, signal).walk(start);
  },
};

/** A directory that is yet to be read. */
interface Place {
  /** As a parser of URLs writes it. */
  readonly url: string;
  readonly parts: readonly string[];
}

class DirectoryWalk {
  readonly #deps: SourceDeps;
  readonly #signal: AbortSignal;
  readonly #limit = pLimit(LISTINGS_AT_ONCE);
  readonly #seen = new Set<string>();

  constructor(deps: SourceDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
  }

  /** Level by level, so that what is found can be fetched while the rest is looked for. */
  async *walk(start: URL): AsyncGenerator<FoundEntry> {
    let level: Place[] = [{ url: start.href, parts: [] }];
    for (let depth = 0; level.length > 0; depth++) {
      if (depth > this.#deps.options.maxDepth) {
        yield leftOutBelow(level.length, this.#deps.options.maxDepth);
        return;
      }
      const next: Place[] = [];
      const listings = level.map(
        async (place) => await this.#limit(async () => await this.#list(place)),
      );
      // One that fails must not leave the others unheard.
      await Promise.allSettled(listings);
      for (const listing of listings) {
        const { entries, directories } = await listing;
        next.push(...directories);
        yield* entries;
      }
      level = next;
    }
  }

  async #list(place: Place): Promise<{ entries: FoundEntry[]; directories: Place[] }> {
    const { fetch, headers } = this.#deps;
    this.#seen.add(place.url);
    const { text } = await fetchText(fetch, place.url, headers, this.#signal);
    const names = readListing(text, place.url);
    if (!names) {
      throw new UserError(
        EXIT.originFailed,
        `${printableUrl(place.url)} is no list of a directory; only what a server lists can be fetched with --recursive`,
      );
    }
    const entries: FoundEntry[] = [];
    const directories: Place[] = [];
    const unusable: string[] = [];
    const [before = ""] = place.url.split(/[?#]/, 1);
    const behind = place.url.slice(before.length);
    for (const { name, isDirectory } of names) {
      const parts = [...place.parts, name];
      const path = safePath(parts);
      if (path === undefined) {
        unusable.push(name);
        continue;
      }
      const url = `${before}${encodeURIComponent(name)}${isDirectory ? "/" : ""}${behind}`;
      if (!isDirectory) entries.push({ kind: "file", url, path });
      else if (!this.#seen.has(url)) {
        entries.push({ kind: "directory", path });
        directories.push({ url, parts });
      }
    }
    if (unusable.length > 0) entries.push(leftOut(unusable, printableUrl(place.url)));
    return { entries, directories };
  }
}

function leftOutBelow(count: number, maxDepth: number): FoundEntry {
  const what = count === 1 ? "a directory" : `${count} directories`;
  const sentence = `what is in ${what} deeper than --max-depth ${maxDepth} is left out`;
  return { kind: "left-out", sentence };
}
