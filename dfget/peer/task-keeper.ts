import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { taskDigest } from "../../protocol/task-id.ts";
import type { NodeFrame } from "../../protocol/node-frames.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { PieceStore } from "../../store/piece-store.ts";
import type { Sessions } from "./sessions.ts";
import type { SwarmDriver } from "./swarm-driver.ts";
import { TaskSession } from "./task-session.ts";
import { checkWhole } from "./whole-check.ts";

/** A task that is not complete and that nobody reads is given up after this. */
const ABANDON_MS = 10_000;
/** The same for one of which parts are read, now and then. */
const ABANDON_PART_MS = 60_000;
/** A complete task that nobody uses is put to rest after this. */
const REST_MS = 15_000;
const SWEEP_MS = 2000;
/** With more tasks awake than this, those at rest longest need not wait: each has a file open. */
export const AWAKE_MAX = 256;
/** How many are looked at for one that can rest. */
const LOOKED_AT_MAX = 16;
/** A piece that was written longer ago, 10 to 20 seconds, is hashed again before a reader or another node gets it from an incomplete task. */
const SWEEPS_PER_AGE = 5;

export interface TaskKeeperDeps {
  readonly store: PieceStore;
  readonly sessions: Sessions;
  readonly driver: Pick<SwarmDriver, "open" | "close">;
  readonly clock: Clock;
  readonly log: Log;
  sendToSupernode(frame: NodeFrame): boolean;
}

/** The life of a node's tasks: proof when all is there, rest when nobody needs them, waking when somebody does. */
export class TaskKeeper {
  readonly #deps: TaskKeeperDeps;
  readonly #closing = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #waking = new Map<TaskId, Promise<TaskSession | undefined>>();
  /** What must end before the store may close. */
  readonly #running = new Set<Promise<unknown>>();
  readonly #ending = new Map<TaskId, Promise<void>>();
  #sweeps = 0;
  #makingRoom: Promise<boolean> | undefined;

  constructor(deps: TaskKeeperDeps) {
    this.#deps = deps;
    this.#timer = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#timer.unref();
  }

  /** Every piece is held: proves the whole where that is still to be done, and tells the supernode. */
  full(session: TaskSession): void {
    if (session.isFull) this.#run(this.#prove(session));
  }

  /** The pieces are not what the task's digest says: nobody gets them any more. */
  discard(session: TaskSession, error: ProtocolError): void {
    session.fail(error);
    this.#run(this.#end(session, async () => await session.stored.discard()));
  }

  /** Takes a task that failed out of use. */
  retire(session: TaskSession): void {
    if (this.#deps.sessions.byNumber(session.number) !== session) return;
    this.#leave(session.number);
    this.#run(this.#end(session));
  }

  /** Resolves when no session of the task that went out of use still writes to its file. */
  async ended(taskId: TaskId): Promise<void> {
    await this.#ending.get(taskId)?.catch(() => undefined);
  }

  /** The session of a task that is held here in full, woken if it rests; undefined where there is none. */
  async wake(taskId: TaskId): Promise<TaskSession | undefined> {
    const awake = this.#deps.sessions.byTaskId(taskId);
    if (awake) return (await this.isSound(awake)) ? awake : undefined;
    let waking = this.#waking.get(taskId);
    if (!waking) {
      waking = this.#wakeUp(taskId).finally(() => this.#waking.delete(taskId));
      this.#waking.set(taskId, waking);
    }
    return await waking;
  }

  /**
   * Whether the pieces of a task that is complete are what they were, also when somebody else has written to its
   * file; of one that is not, whether `piece` is. A task that is not sound is taken out of use, and can be opened anew:
   * what is damaged is fetched again.
   */
  async isSound(session: TaskSession, piece?: number): Promise<boolean> {
    const { stored, isComplete } = session;
    if (isComplete ? stored.isUntouched : piece === undefined || session.isFresh(piece))
      return true;
    using _use = session.use();
    if (isComplete && (await stored.audit()) === 0) return true;
    if (!isComplete && (await stored.recheck(piece!))) {
      session.refresh(piece!);
      return true;
    }
    const message =
      "pieces on the disk of this node were damaged, and thrown away; ask for it again";
    session.fail(new ProtocolError("INTERNAL", message));
    this.retire(session);
    return false;
  }

  /**
   * Lets complete tasks that nobody uses rest at once, so that the store may evict them. Resolves, when they do, to whether
   * there were any.
   */
  async makeRoom(): Promise<boolean> {
    this.#makingRoom ??= this.#restUnused().finally(() => (this.#makingRoom = undefined));
    return await this.#makingRoom;
  }

  async #restUnused(): Promise<boolean> {
    const unused = [...this.#deps.sessions.all()].filter((each) => each.isComplete && !each.isUsed);
    for (const session of unused) this.#rest(session);
    // Not what else ends: that may be waiting for the room.
    await Promise.allSettled(unused.map(async ({ taskId }) => await this.#ending.get(taskId)));
    return unused.length > 0;
  }

  /** Somebody uses the task now. */
  touch(session: TaskSession): void {
    session.lastUsedMs = this.#deps.clock.nowMs();
  }

  /** A reader is done with the task. */
  readerLeft(session: TaskSession): void {
    this.touch(session);
    const { sessions } = this.#deps;
    if (sessions.count <= AWAKE_MAX) return;
    let lookedAt = 0;
    for (const each of sessions.all()) {
      if (each.isComplete && !each.isUsed) {
        this.#rest(each);
        if (sessions.count <= AWAKE_MAX) return;
      }
      if (++lookedAt >= LOOKED_AT_MAX) return;
    }
  }

  /** Closes every session. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closing.abort(new ProtocolError("SHUTTING_DOWN", "the node is about to stop"));
    for (const session of this.#deps.sessions.all()) {
      session.fail(new ProtocolError("SHUTTING_DOWN", "the node is about to stop"));
      this.#run(this.#end(session));
    }
    await Promise.allSettled(this.#running);
  }

  async #wakeUp(taskId: TaskId): Promise<TaskSession | undefined> {
    const { store, sessions, driver } = this.#deps;
    await this.ended(taskId);
    const stored = await store.find(taskId);
    const awake = sessions.byTaskId(taskId);
    if (!stored || awake || !stored.isComplete || !stored.record.isProven) {
      stored?.[Symbol.dispose]();
      if (!awake) this.#forgetResting(taskId);
      return awake;
    }
    const session = new TaskSession({
      number: sessions.restingNumber(taskId) ?? sessions.allot(),
      taskId,
      stored,
      origin: undefined,
      identity: undefined,
      mayUseOrigin: false,
      version: { lengthBytes: stored.record.lengthBytes, etag: undefined, lastModified: undefined },
    });
    this.touch(session);
    sessions.add(session);
    driver.open(session, false);
    return session;
  }

  async #prove(session: TaskSession): Promise<void> {
    const { log } = this.#deps;
    const digest = taskDigest(session.taskId);
    using _use = session.use();
    if (!session.stored.record.isProven) {
      // Nobody holds anything back of an empty content, so nothing else says that it is empty.
      if (digest && (session.needsWholeCheck || session.lengthBytes === 0)) {
        const { actual, matches } = await checkWhole(session.stored, digest, this.#closing.signal);
        if (!matches) {
          log.error({ digest, actual }, "the pieces do not make up what the digest says");
          const message = `the pieces of ${digest} together have the digest ${actual}; they were thrown away, ask for it again`;
          this.discard(session, new ProtocolError("DIGEST_MISMATCH", message));
          return;
        }
      }
      // It may have been discarded meanwhile, for another reason.
      if (session.failure || !session.isFull) return;
      session.stored.setProven();
    }
    session.changed();
    const { number, stored } = session;
    this.#deps.sendToSupernode({ kind: "progress", task: number, have: stored.have.toBytes() });
  }

  #sweep(): void {
    const nowMs = this.#deps.clock.nowMs();
    this.#sweeps += 1;
    for (const session of this.#deps.sessions.all()) {
      if (this.#sweeps % SWEEPS_PER_AGE === 0) session.age();
      if (session.isUsed) continue;
      const idleMs = nowMs - session.lastUsedMs;
      const abandonMs = session.isPart ? ABANDON_PART_MS : ABANDON_MS;
      if (session.failure || (!session.isComplete && idleMs > abandonMs)) this.#abandon(session);
      else if (session.isComplete && idleMs > REST_MS) this.#rest(session);
    }
  }

  #abandon(session: TaskSession): void {
    session.fail(new ProtocolError("SHUTTING_DOWN", "nobody waits for the task any more"));
    this.retire(session);
  }

  #rest(session: TaskSession): void {
    const forgotten = this.#deps.sessions.rest(session.taskId, session.number);
    if (forgotten !== undefined) this.#leave(forgotten);
    this.#run(this.#end(session));
  }

  /** The store has evicted a task at rest: nobody shall be sent here for it. */
  #forgetResting(taskId: TaskId): void {
    const number = this.#deps.sessions.restingNumber(taskId);
    if (number === undefined) return;
    this.#deps.sessions.forget(number);
    this.#leave(number);
  }

  #leave(task: number): void {
    this.#deps.sendToSupernode({ kind: "leave", task });
  }

  /** Takes the session out of use and lets go of its file, after doing something last to it. */
  #end(session: TaskSession, last?: () => Promise<void>): Promise<void> {
    const { taskId } = session;
    const before = this.#ending.get(taskId);
    if (this.#deps.sessions.byNumber(session.number) !== session)
      return before ?? Promise.resolve();
    this.#deps.sessions.remove(session);
    session.end();
    const ending = (async () => {
      await this.#deps.driver.close(session);
      await last?.();
      session.letGo();
    })().finally(() => {
      if (this.#ending.get(taskId) === ending) this.#ending.delete(taskId);
    });
    this.#ending.set(taskId, ending);
    return ending;
  }

  #run(work: Promise<unknown>): void {
    const settled = work
      .catch((error: unknown) => {
        if (!this.#closing.signal.aborted)
          this.#deps.log.error({ err: error }, "a task could not be ended");
      })
      .finally(() => this.#running.delete(settled));
    this.#running.add(settled);
  }
}
