import type { Clock } from "../../platform/clock.ts";
import { sha256Digest } from "../../platform/digest-check.ts";
import { contentLength } from "../../platform/origin/origin-version.ts";
import { SingleFlight } from "../../platform/single-flight.ts";
import type { Digest } from "../../protocol/digest.ts";
import { parseDigest } from "../../protocol/digest.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { Rights } from "../access/rights.ts";
import { readBounded } from "./bounded-body.ts";
import { MANIFEST_LENGTH_BYTES_MAX } from "./manifest-type.ts";
import { RecentMap } from "../../platform/recent-map.ts";
import type { Repository } from "./repository.ts";
import { repositoryKey } from "./repository.ts";

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

const defaultTagResolverOptions: TagResolverOptions = {
  freshMs: 3000,
  timeoutMs: 10_000,
  tagsMax: 8192,
};

/** As what kind of caller the upstream is asked. */
export type TagRights = Pick<Rights, "cacheKey" | "outageMs" | "fetch">;

interface TagQuestion {
  readonly repository: Repository;
  readonly tag: string;
  readonly accept: string;
  readonly rights: TagRights;
}

interface KnownTag {
  readonly version: TagVersion;
  readonly untilMs: number;
  /** Until when it may be used in an outage. */
  readonly outageUntilMs: number;
  readonly isStale: boolean;
}

/** Asks upstreams what tags mean: once for all who ask at the same time, and remembers it in case they fail. */
export class TagResolver {
  readonly #clock: Clock;
  readonly #options: TagResolverOptions;
  readonly #known: RecentMap<string, KnownTag>;
  readonly #flights = new SingleFlight<ResolvedTag>();

  constructor(deps: { readonly clock: Clock }, options: Partial<TagResolverOptions> = {}) {
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
    rights: TagRights,
    signal: AbortSignal,
  ): Promise<ResolvedTag> {
    const key = JSON.stringify([repositoryKey(repository), tag, accept, rights.cacheKey]);
    const known = this.#known.get(key);
    if (known && known.untilMs > this.#clock.nowMs()) {
      return { ...known.version, source: "memory", isStale: known.isStale };
    }
    return await this.#flights.run(
      key,
      (flight) => this.#resolveNow(key, { repository, tag, accept, rights }, flight),
      signal,
    );
  }

  /**
   * Forgets what a tag means, or every tag of the repository, to all callers: the upstream is asked again, and nothing is left
   * for the time when it is away. Returns how many answers were forgotten.
   */
  purge(repository: Repository, tag: string | undefined): number {
    const wanted = repositoryKey(repository);
    let count = 0;
    for (const key of this.#known.keys()) {
      const [ofRepository, ofTag] = JSON.parse(key) as [string, string];
      if (ofRepository !== wanted || (tag !== undefined && ofTag !== tag)) continue;
      this.#known.delete(key);
      count += 1;
    }
    return count;
  }

  async #resolveNow(key: string, question: TagQuestion, signal: AbortSignal): Promise<ResolvedTag> {
    try {
      const isFirst = this.#known.get(key) === undefined;
      const version = await this.#askInTime(question, isFirst, signal);
      const { content: _once, ...kept } = version;
      this.#remember(key, kept, this.#clock.nowMs() + question.rights.outageMs, false);
      return { ...version, source: "origin", isStale: false };
    } catch (error) {
      const known = this.#known.get(key);
      const isUsable = known !== undefined && known.outageUntilMs > this.#clock.nowMs();
      if (!isUsable || !isOutage(error)) throw error;
      this.#remember(key, known.version, known.outageUntilMs, true);
      return { ...known.version, source: "memory", isStale: true };
    }
  }

  #remember(key: string, version: TagVersion, outageUntilMs: number, isStale: boolean): void {
    const freshMs = this.#clock.nowMs() + this.#options.freshMs;
    const untilMs = Math.min(freshMs, outageUntilMs);
    this.#known.set(key, { version, untilMs, outageUntilMs, isStale });
  }

  async #askInTime(
    question: TagQuestion,
    isFirst: boolean,
    signal: AbortSignal,
  ): Promise<TagVersion> {
    const { timeoutMs } = this.#options;
    const limit = AbortSignal.timeout(timeoutMs);
    try {
      return await this.#ask(question, isFirst, AbortSignal.any([signal, limit]));
    } catch (error) {
      if (!limit.aborted || signal.aborted) throw error;
      const message = `the registry ${question.repository.upstream.registry} did not answer within ${timeoutMs} ms; try again later`;
      throw new ProtocolError("ORIGIN_UNREACHABLE", message, {}, error);
    }
  }

  async #ask(
    { tag, accept, rights }: TagQuestion,
    isFirst: boolean,
    signal: AbortSignal,
  ): Promise<TagVersion> {
    // A failing registry is asked again where nothing else is there to answer with.
    const request = { path: `manifests/${tag}`, accept, isAnswerFinal: !isFirst };
    try {
      const head = await rights.fetch({ ...request, method: "HEAD" }, signal);
      head.dispose();
      const digest = parseDigest(head.header("docker-content-digest") ?? "");
      const mediaType = head.header("content-type");
      if (digest) return { digest, mediaType, lengthBytes: contentLength(head) };
    } catch (error) {
      if (!isHeadRefused(error)) throw error;
    }
    const answer = await rights.fetch({ ...request, method: "GET" }, signal);
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
