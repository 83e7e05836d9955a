import type { Calendar } from "../../platform/calendar.ts";
import { SingleFlight } from "../../platform/single-flight.ts";
import { storeInlineContent } from "./inline-content.ts";
import type { LocalTasks } from "./local-tasks.ts";
import type { OpenTask, TaskRequest } from "./open-task.ts";
import type { OriginRuns } from "./origin-runs.ts";
import type { PeerMetrics } from "./peer-metrics.ts";
import type { RateLimits } from "./rate-limits.ts";
import type { SessionOpener } from "./session-opener.ts";
import { isPartOf } from "./session-opener.ts";
import type { Sessions } from "./sessions.ts";
import type { SupernodeConversation } from "./supernode-conversation.ts";
import type { SwarmDriver } from "./swarm-driver.ts";
import type { TaskKeeper } from "./task-keeper.ts";
import type { TaskSession } from "./task-session.ts";
import type { TakeWhole } from "./whole-files.ts";

export interface TaskOpeningDeps {
  readonly sessions: Sessions;
  readonly opener: SessionOpener;
  readonly local: LocalTasks;
  readonly limits: Pick<RateLimits, "apply">;
  readonly driver: Pick<SwarmDriver, "open" | "readWhole">;
  readonly keeper: Pick<TaskKeeper, "touch" | "full">;
  readonly supernode: Pick<SupernodeConversation, "opened">;
  readonly originRuns: Pick<OriginRuns, "readToEnd">;
  readonly metrics: Pick<PeerMetrics, "pieceReceived">;
  readonly calendar: Calendar;
}

/** Opens tasks for readers: one that is open already, or a new one, which begins to be fetched. */
export class TaskOpening {
  readonly #deps: TaskOpeningDeps;
  readonly #closing: AbortSignal;
  readonly #flights = new SingleFlight<TaskSession>();

  /** `closing` is aborted when the node stops. */
  constructor(deps: TaskOpeningDeps, closing: AbortSignal) {
    this.#deps = deps;
    this.#closing = closing;
  }

  /**
   * Resolves when the task's length and media type are known, or its first piece is there where the length is not.
   * `take` may get a small file before that. Rejects with ProtocolError, or with the signal's reason.
   */
  async open(request: TaskRequest, signal: AbortSignal, take?: TakeWhole): Promise<OpenTask> {
    const { sessions, local, limits, driver } = this.#deps;
    const ended = AbortSignal.any([signal, this.#closing]);
    const { nextNumber } = sessions;
    const here = request.taskId && (await local.open(request.taskId));
    if (here) return here;
    const session = await this.#flights.run(
      flightKey(request),
      async (flight) => await this.#session(request, flight, take),
      ended,
    );
    if (session.isPart && !isPartOf(session, request)) {
      session.isPart = false;
      // Its pieces came as they were wanted, and nobody has seen them together.
      if (session.stored.have.count > 0) session.needsWholeCheck = true;
      driver.readWhole(session);
    }
    session.relaxLimit(request.limitBytesPerSecond ?? 0);
    limits.apply(session);
    const handle = local.handle(session, session.number < nextNumber);
    try {
      await session.until(() => session.lengthBytes !== undefined || session.isReadable(0), ended);
    } catch (error) {
      await handle[Symbol.asyncDispose]();
      throw error;
    }
    return handle;
  }

  async #session(
    request: TaskRequest,
    signal: AbortSignal,
    take: TakeWhole | undefined,
  ): Promise<TaskSession> {
    const { sessions, opener, limits, keeper, supernode, driver, originRuns } = this.#deps;
    const known = request.taskId && sessions.byTaskId(request.taskId);
    const isOld = known?.admission?.isOld(this.#deps.calendar()) === true;
    if (known && !known.failure && !isOld) return known;
    const { session, frame, mayHold, isNew } = await opener.open(request, signal, take);
    if (!isNew) return session;
    limits.apply(session);
    keeper.touch(session);
    // Before the swarm hears of the task: nobody else may write to the file at the same time.
    if (await storeInlineContent(session, frame)) {
      this.#deps.metrics.pieceReceived("seed", session.stored.heldBytes);
      this.#deps.local.keep(session, frame!.content!);
      // Nothing is left to be exchanged, and the supernode knows. Neighbours who want it say so.
      supernode.opened(session, frame);
      return session;
    }
    driver.open(session, frame === undefined && session.lengthBytes !== undefined);
    supernode.opened(session, frame, mayHold);
    if (!frame && session.lengthBytes === undefined) {
      void originRuns.readToEnd(session, this.#closing);
    }
    if (session.isFull) keeper.full(session);
    return session;
  }
}

/** Requests with the same key are the same. It may hold credentials and is kept only while they run. */
function flightKey(request: TaskRequest): string {
  return (
    request.taskId ??
    JSON.stringify([request.origin?.url, [...(request.origin?.headers ?? [])], request.identity])
  );
}
