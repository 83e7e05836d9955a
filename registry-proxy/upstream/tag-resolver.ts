import type { Clock } from "../../platform/clock.ts";
import { sha256Digest } from "../../platform/digest-check.ts";
import { contentLength } from "../../platform/origin/origin-version.ts";
import { SingleFlight } from "../../platform/single-flight.ts";
import type { Digest } from "../../protocol/digest.ts";
import { parseDigest } from "../../protocol/digest.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { readBounded } from "./bounded-body.ts";
import { MANIFEST_LENGTH_BYTES_MAX } from "./manifest-type.ts";
import { RecentMap } from "./recent-map.ts";
import type { Repository } from "./repository.ts";
import { repositoryKey } from "./repository.ts";
import type { UpstreamClient } from "./upstream-client.ts";

/** What a tag means. */
export interface TagVersion {
  readonly digest: Digest;
  /** As the upstream says. */
  readonly mediaType: string | undefined;
  readonly lengthBytes: number | undefined;
  /** The manifest, where it had to be fetched to learn its digest. */
  readonly content?: Uint8Array;
}

export interface ResolvedTag extends TagVersion {
  readonly source: "memory" | "origin";
  /** The upstream could not be asked; this is what it said last. */
  readonly isStale: boolean;
}

export interface TagResolverOptions {
  /** How long an answer is used without asking again. */
  readonly freshMs: number;
  /** How long the upstream may take. */
  readonly timeoutMs: number;
  /** How many tags are remembered for the time when their upstream is away. */
  readonly tagsMax: number;
}

export const defaultTagResolverOptions: TagResolverOptions = {
  freshMs: 3000,
  timeoutMs: 10_000,
  tagsMax: 8192,
};

interface KnownTag {
  readonly version: TagVersion;
  readonly untilMs: number;
  readonly isStale: boolean;
}

/** Asks upstreams what tags mean: once for all who ask at the same time, and remembers it in case they fail. */
export class TagResolver {
  readonly #upstream: Pick<UpstreamClient, "fetch">;
  readonly #clock: Clock;
  readonly #options: TagResolverOptions;
  readonly #known: RecentMap<string, KnownTag>;
  readonly #flights = new SingleFlight<ResolvedTag>();

  constructor(
    deps: { readonly upstream: Pick<UpstreamClient, "fetch">; readonly clock: Clock },
    options: Partial<TagResolverOptions> = {},
  ) {
    this.#upstream = deps.upstream;
    this.#clock = deps.clock;
    this.#options = { ...defaultTagResolverOptions, ...options };
    this.#known = new RecentMap(this.#options.tagsMax);
  }

  /**
   * What a tag means to a client that sends `accept`. Throws ProtocolError when the upstream says that there is
   * none, or cannot be asked and never answered before.
   */
  async resolve(
    repository: Repository,
    tag: string,
    accept: string,
    signal: AbortSignal,
  ): Promise<ResolvedTag> {
    const key = JSON.stringify([repositoryKey(repository), tag, accept]);
    const known = this.#known.get(key);
    if (known && known.untilMs > this.#clock.nowMs()) {
      return { ...known.version, source: "memory", isStale: known.isStale };
    }
    return await this.#flights.run(
      key,
      (flight) => this.#resolveNow(key, repository, tag, accept, flight),
      signal,
    );
  }

  async #resolveNow(
    key: string,
    repository: Repository,
    tag: string,
    accept: string,
    signal: AbortSignal,
  ): Promise<ResolvedTag> {
    try {
      const version = await this.#askInTime(repository, tag, accept, signal);
      const { content: _once, ...kept } = version;
      this.#remember(key, kept, false);
      return { ...version, source: "origin", isStale: false };
    } catch (error) {
      const known = this.#known.get(key);
      if (!known || !isOutage(error)) throw error;
      this.#remember(key, known.version, true);
      return { ...known.version, source: "memory", isStale: true };
    }
  }

  #remember(key: string, version: TagVersion, isStale: boolean): void {
    const untilMs = this.#clock.nowMs() + this.#options.freshMs;
    this.#known.set(key, { version, untilMs, isStale });
  }

  async #askInTime(
    repository: Repository,
    tag: string,
    accept: string,
    signal: AbortSignal,
  ): Promise<TagVersion> {
    const { timeoutMs } = this.#options;
    const limit = AbortSignal.timeout(timeoutMs);
    try {
      return await this.#ask(repository, tag, accept, AbortSignal.any([signal, limit]));
    } catch (error) {
      if (!limit.aborted || signal.aborted) throw error;
      const message = `the registry ${repository.upstream.registry} did not answer within ${timeoutMs} ms; try again later`;
      throw new ProtocolError("ORIGIN_UNREACHABLE", message, {}, error);
    }
  }

  async #ask(
    repository: Repository,
    tag: string,
    accept: string,
    signal: AbortSignal,
  ): Promise<TagVersion> {
    const request = { path: `manifests/${tag}`, accept, isAnswerFinal: true };
    try {
      const head = await this.#upstream.fetch(repository, { ...request, method: "HEAD" }, signal);
      head.dispose();
      const digest = parseDigest(head.header("docker-content-digest") ?? "");
      const mediaType = head.header("content-type");
      if (digest) return { digest, mediaType, lengthBytes: contentLength(head) };
    } catch (error) {
      if (!isHeadRefused(error)) throw error;
    }
    const answer = await this.#upstream.fetch(repository, { ...request, method: "GET" }, signal);
    const what = `the manifest of the tag ${tag}`;
    const content = await readBounded(answer.body, MANIFEST_LENGTH_BYTES_MAX, what);
    return {
      digest: sha256Digest(content),
      mediaType: answer.header("content-type"),
      lengthBytes: content.length,
      content,
    };
  }
}

/** Whether a failure says nothing about the tag, so that what it meant before may be used. */
function isOutage(error: unknown): boolean {
  if (!(error instanceof ProtocolError)) return false;
  if (error.code === "ORIGIN_UNREACHABLE" || error.code === "LIMIT_EXCEEDED") return true;
  const { originStatus } = error.details;
  if (error.code !== "ORIGIN_FAILED") return false;
  return originStatus === undefined || originStatus === 429 || originStatus >= 500;
}

/** Whether the upstream does not do HEAD here; that it is down, or wants credentials, is something else. */
function isHeadRefused(error: unknown): boolean {
  if (!(error instanceof ProtocolError) || error.code !== "ORIGIN_FAILED") return false;
  const { originStatus } = error.details;
  return (
    originStatus === 501 ||
    (originStatus !== undefined && originStatus < 500 && originStatus !== 429)
  );
}
