import { randomUUID } from "node:crypto";

import type { Clock, Random } from "../../platform/clock.ts";
import { sha256, urlTaskId } from "../../platform/digest-check.ts";
import type { OriginFetch } from "../../platform/origin/origin-request.ts";
import { OriginStream } from "../../platform/origin/origin-stream.ts";
import type { OriginVersion } from "../../platform/origin/origin-version.ts";
import { metadataOf, versionName } from "../../platform/origin/origin-version.ts";
import { SingleFlight } from "../../platform/single-flight.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import type { TaskRecord } from "../../store/piece-store.ts";
import type { TaskOrigin } from "../seed/seed-request.ts";
import type { JoinIdentity } from "./join-request.ts";
import type { ProbeStream } from "./probe-stream.ts";
import { LateCounts } from "./probe-stream.ts";

/** Which task a URL stands for now. */
export interface ResolvedUrl {
  readonly taskId: TaskId;
  readonly origin: TaskOrigin;
  /** The stream that was opened on the way, for the first who asks; others get undefined. */
  takeStream(): ProbeStream | undefined;
}

export interface UrlResolverDeps {
  readonly fetch: OriginFetch;
  readonly clock: Clock;
  readonly random: Random;
  /** Counts a request that only asks what is there. */
  readonly onProbe: () => void;
  /** Whether a stream that is opened now can be read at once. */
  readonly canRead: () => boolean;
}

interface Probe {
  readonly version: OriginVersion;
  readonly stream: ProbeStream | undefined;
}

interface Question {
  /** What was asked for, and how. */
  readonly key: string;
  readonly origin: TaskOrigin;
  readonly identity: JoinIdentity;
  readonly fileKey: string;
  readonly isGetOnly: boolean;
}

/** What an origin said, and since when. */
interface Recent {
  readonly askedAtMs: number;
  readonly taskId: TaskId;
  readonly origin: TaskOrigin;
}

/** URLs whose last answer is remembered, and files that are known. */
export const ANSWERS_MAX = 20_000;

/** How a URL is asked for. */
export interface ResolveOptions {
  /** HEAD was believed once, and GET brought something else. */
  readonly isGetOnly: boolean;
  /** Whether the content will be read from its beginning if nobody has it. */
  readonly isContentWanted: boolean;
  /** How old an answer may be, milliseconds; none may when undefined. */
  readonly answerAgeMs?: number | undefined;
}

/**
 * Finds out which version of a URL the origin has now. Callers who ask for the same URL with the same headers at the
 * same time share one request.
 */
export class UrlResolver {
  readonly #deps: UrlResolverDeps;
  /** At most as many as there are joins under way. */
  readonly #probes = new SingleFlight<ResolvedUrl>();
  /** The tasks being fetched whose origin names no version, by what was asked for; see `forget`. */
  readonly #unversioned = new Map<string, TaskId>();
  /** The last answer for each URL, the oldest first; see `outdated`. */
  readonly #recent = new Map<string, Recent>();
  /** Files of which some version was found, by what names them in whatever version: the store or a node may hold it. */
  readonly #known = new Set<string>();
  /** The tasks of these files. */
  readonly #knownTasks = new Set<string>();

  /** `stored` are the tasks in the store, the least recently used first. */
  constructor(deps: UrlResolverDeps, stored: Iterable<Pick<TaskRecord, "taskId" | "fileKey">>) {
    this.#deps = deps;
    for (const { fileKey, taskId } of stored) {
      if (fileKey !== undefined) this.#note(fileKey, taskId);
    }
  }

  /**
   * Asks the origin. A file that nobody knows is asked for by GET, whose answer is then read: it saves a request, and some
   * origins take no HEAD. A known one is asked for by HEAD, and by GET where that is refused, because a GET that turned out to be needless
   * would cost its connection, and what the origin sent meanwhile. Where an answer may be of some age, one
   * that is young enough is taken. Throws the origin's ProtocolError, or the reason of the signal.
   */
  async resolve(
    origin: TaskOrigin,
    identity: JoinIdentity,
    options: ResolveOptions,
    signal: AbortSignal,
  ): Promise<ResolvedUrl> {
    signal.throwIfAborted();
    const { answerAgeMs, isGetOnly: isForced, isContentWanted } = options;
    const plainKey = keyOf(origin, identity);
    const recent = this.#recent.get(plainKey);
    if (recent && !isForced && answerAgeMs !== undefined) {
      const ageMs = this.#deps.clock.nowMs() - recent.askedAtMs;
      if (ageMs <= answerAgeMs) return { ...recent, takeStream: () => undefined };
    }
    const fileKey = fileKeyOf(origin, identity);
    const isKnown = this.#unversioned.has(plainKey) || this.#known.has(fileKey);
    const isGetOnly = isForced || (isContentWanted && !isKnown && this.#deps.canRead());
    const key = `${plainKey} ${isGetOnly ? "GET" : "HEAD"}`;
    return await this.#probes.run(
      key,
      async (flight) => {
        const asked = { key, origin, identity, fileKey, isGetOnly };
        const resolved = await this.#resolve(asked, flight);
        // Nobody waits any more; who just got the stream takes it in this turn of the event loop.
        const dispose = (): void => resolved.takeStream()?.stream[Symbol.dispose]();
        flight.addEventListener("abort", () => void setImmediate(dispose), { once: true });
        return resolved;
      },
      signal,
    );
  }

  /** Whether it is known which file a task is of. */
  isKnown(taskId: TaskId): boolean {
    return this.#knownTasks.has(taskId);
  }

  /** The task is fetched no more: a later join of its URL begins another one, unless the origin names the version. */
  forget(taskId: TaskId): void {
    for (const [key, unversioned] of this.#unversioned) {
      if (unversioned === taskId) this.#unversioned.delete(key);
    }
  }

  /** The task could not be fetched: what the origin said when it was found does not count any more. */
  outdated(taskId: TaskId): void {
    for (const [key, recent] of this.#recent) {
      if (recent.taskId === taskId) this.#recent.delete(key);
    }
  }

  async #resolve(
    { key, origin, identity, fileKey, isGetOnly }: Question,
    signal: AbortSignal,
  ): Promise<ResolvedUrl> {
    const askedAtMs = this.#deps.clock.nowMs();
    const probe = await this.#probe(origin, isGetOnly, signal);
    let { stream } = probe;
    if (signal.aborted) stream?.stream[Symbol.dispose]();
    signal.throwIfAborted();
    const taskId = this.#taskId(key, origin, identity, probe.version);
    const isVersioned = versionName(probe.version) !== undefined;
    const found = {
      taskId,
      origin: { ...origin, version: probe.version, ...(isVersioned && { fileKey }) },
    };
    if (isVersioned) {
      this.#remember(withoutMethod(key), { ...found, askedAtMs });
      this.#note(fileKey, taskId);
    }
    return {
      ...found,
      takeStream() {
        const taken = stream;
        stream = undefined;
        return taken;
      },
    };
  }

  #remember(key: string, recent: Recent): void {
    this.#recent.delete(key);
    this.#recent.set(key, recent);
    forgetOldest(this.#recent);
  }

  #note(fileKey: string, taskId: TaskId): void {
    this.#known.delete(fileKey);
    this.#known.add(fileKey);
    forgetOldest(this.#known);
    this.#knownTasks.delete(taskId);
    this.#knownTasks.add(taskId);
    forgetOldest(this.#knownTasks);
  }

  async #probe(origin: TaskOrigin, isGetOnly: boolean, signal: AbortSignal): Promise<Probe> {
    const { fetch, onProbe } = this.#deps;
    const { url, headers } = origin;
    if (!isGetOnly) {
      try {
        const request = {
          method: "HEAD",
          url,
          headers,
          isAnswerFinal: true,
          onAttempt: onProbe,
        } as const;
        const answer = await fetch(request, signal);
        answer.dispose();
        return { version: metadataOf(answer), stream: undefined };
      } catch (error) {
        // Many servers refuse HEAD, in many ways, for what they hand out by GET.
        if (!(error instanceof ProtocolError) || error.details.originStatus === undefined)
          throw error;
      }
    }
    const counts = new LateCounts();
    const stream = await OriginStream.open(
      this.#deps,
      {
        url,
        headers,
        onRequest: () => counts.originRequest(),
        onBytes: (lengthBytes) => counts.originBytes(lengthBytes),
      },
      signal,
    );
    return { version: stream.metadata, stream: { stream, counts } };
  }

  #taskId(key: string, origin: TaskOrigin, identity: JoinIdentity, version: OriginVersion): TaskId {
    const { url, headers } = origin;
    const name = versionName(version);
    if (name !== undefined) return urlTaskId({ url, headers, ...identity, validator: name });
    const shared = this.#unversioned.get(withoutMethod(key));
    if (shared) return shared;
    const taskId = urlTaskId({ url, headers, ...identity, validator: `once ${randomUUID()}` });
    this.#unversioned.set(withoutMethod(key), taskId);
    return taskId;
  }
}

/** What the task ids of all versions of a file have in common, as a hash. */
function fileKeyOf({ url, headers }: TaskOrigin, identity: JoinIdentity): string {
  const taskId = urlTaskId({ url, headers, ...identity, validator: "" });
  return taskId.slice(taskId.indexOf(":") + 1);
}

/** A hash, so that no credentials stand in a long-lived table. */
function keyOf(origin: TaskOrigin, identity: JoinIdentity): string {
  const headers = [...origin.headers].sort(([a], [b]) => (a < b ? -1 : 1));
  const { filteredQueryParameters, tag } = identity;
  const text = JSON.stringify([origin.url, headers, filteredQueryParameters, tag]);
  return Buffer.from(sha256(text)).toString("hex");
}

function forgetOldest(table: Map<string, unknown> | Set<string>): void {
  if (table.size <= ANSWERS_MAX) return;
  const [oldest] = table.keys();
  table.delete(oldest!);
}

function withoutMethod(key: string): string {
  return key.slice(0, key.indexOf(" "));
}
