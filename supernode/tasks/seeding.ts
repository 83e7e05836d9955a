import { printableUrl } from "../../platform/log.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import type { Host } from "../scheduler/scheduler.ts";
import type { SeedDeps, SeedRequest, SeedSink, TaskOrigin } from "../seed/seed-request.ts";
import { runSeed } from "../seed/seed-run.ts";
import type { ProbeStream } from "./probe-stream.ts";
import type { TaskJoin, TaskMembers } from "./task-members.ts";

export interface SeedingParts {
  readonly deps: SeedDeps;
  /** Bounds the tasks that are read at the same time. */
  readonly slots: (work: () => Promise<void>) => Promise<void>;
  readonly taskId: TaskId;
  readonly members: TaskMembers;
  /** The node whose origins are tried first. */
  readonly preferred?: Host | undefined;
  readonly sink: SeedSink;
  /** The stream that was opened for this join already; the reading disposes it. */
  readonly takeProbe: (join: TaskJoin) => ProbeStream | undefined;
  /** The origin told these joins definitely that they cannot have the content. */
  readonly onRefused: (joins: readonly TaskJoin[], error: ProtocolError) => void;
  /** See SeedRequest. */
  readonly elsewhere: SeedRequest["elsewhere"];
  readonly isUnanswered: () => boolean;
  readonly onWithoutRanges: SeedRequest["onWithoutRanges"];
  /** The error that reading this origin ended with a short while ago. */
  readonly recentFailure: (origin: TaskOrigin) => ProtocolError | undefined;
}

/** What one caller cannot have, another may: his credentials or his mirror are others. */
const OF_THE_CALLER: ReadonlySet<string> = new Set([
  "ORIGIN_UNAUTHORIZED",
  "ORIGIN_DENIED",
  "ORIGIN_NOT_FOUND",
  "ORIGIN_FORBIDDEN",
  "BAD_REQUEST",
]);

const OF_THE_ORIGIN: ReadonlySet<string> = new Set(["ORIGIN_FAILED", "ORIGIN_UNREACHABLE"]);

/**
 * Reads what is missing of a task from the origins that its members named, one after the other, until one of them brings
 * all of it.
 * Throws the ProtocolError that the last one ended with, or the reason of the signal.
 */
export async function seedFromMembers(parts: SeedingParts, signal: AbortSignal): Promise<void> {
  const tried = new Set<string>();
  let lastError: ProtocolError | undefined;
  for (;;) {
    const joins = nextJoins(parts, tried);
    const [first] = joins;
    if (!first?.origin) throw lastError ?? noOrigin(parts.taskId);
    tried.add(originKey(first.origin));
    const recent = parts.recentFailure(first.origin);
    if (recent) {
      lastError = recent;
      parts.onRefused(unanswered(parts.members, joins), recent);
      continue;
    }
    try {
      await parts.slots(async () => await readFrom(parts, first, first.origin!, signal));
      return;
    } catch (error) {
      if (!(error instanceof ProtocolError) || signal.aborted) throw error;
      if (!OF_THE_CALLER.has(error.code) && !OF_THE_ORIGIN.has(error.code)) throw error;
      lastError = error;
      const { taskId, deps } = parts;
      deps.log.warn(
        { taskId, url: printableUrl(first.origin.url), code: error.code, reason: error.message },
        "an origin did not bring the task to its end",
      );
      if (OF_THE_CALLER.has(error.code)) parts.onRefused(unanswered(parts.members, joins), error);
    }
  }
}

async function readFrom(
  parts: SeedingParts,
  join: TaskJoin,
  origin: TaskOrigin,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const probe = parts.takeProbe(join);
  probe?.counts.forwardTo(parts.sink);
  await runSeed(
    parts.deps,
    {
      taskId: parts.taskId,
      origin,
      stream: probe?.stream,
      pieceLengthBytes: join.pieceLengthBytes,
      elsewhere: parts.elsewhere,
      isUnanswered: parts.isUnanswered(),
      onWithoutRanges: parts.onWithoutRanges,
    },
    parts.sink,
    signal,
  );
}

/** The joins of the first origin that was not tried. */
function nextJoins(
  { members, preferred }: SeedingParts,
  tried: ReadonlySet<string>,
): readonly TaskJoin[] {
  const untried = [...members.joins()].filter(
    ({ origin }) => origin !== undefined && !tried.has(originKey(origin)),
  );
  const first = untried.find(({ node }) => node.host === preferred) ?? untried[0];
  if (!first) return [];
  const key = originKey(first.origin!);
  return untried.filter(({ origin }) => originKey(origin!) === key);
}

function unanswered(members: TaskMembers, joins: readonly TaskJoin[]): readonly TaskJoin[] {
  return joins.filter(({ node, number }) => members.get(node.host)?.answered.has(number) === false);
}

function originKey({ url, headers }: TaskOrigin): string {
  return JSON.stringify([url, ...[...headers].sort(([a], [b]) => (a < b ? -1 : 1))]);
}

function noOrigin(taskId: TaskId): ProtocolError {
  return new ProtocolError(
    "NOT_FOUND",
    `the supernode has no ${taskId} and was told no origin for it; name the URL`,
  );
}
