import { ERRORS } from "../../protocol/error-table.ts";
import { PIECE_COUNT_MAX } from "../../protocol/limits.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { taskDigest } from "../../protocol/task-id.ts";
import { strongValidator } from "../../platform/origin/origin-version.ts";
import type { Log } from "../../platform/log.ts";
import type { OriginIntake } from "./origin-intake.ts";
import type { SwarmDriver } from "./swarm-driver.ts";
import type { TaskKeeper } from "./task-keeper.ts";
import type { TaskSession } from "./task-session.ts";

/** A task is given up after so many runs in a row, over so long a time, without a new piece from anywhere. */
const FRUITLESS_RUNS_MAX = 5;
const FRUITLESS_MS_MAX = 60_000;

export interface OriginRunsDeps {
  readonly intake: Pick<OriginIntake, "fetchRun">;
  readonly driver: Pick<
    SwarmDriver,
    "nowMs" | "originPieceHeld" | "lengthKnown" | "originRunFailed"
  > & { readonly swarm: Pick<SwarmDriver["swarm"], "orphan"> };
  readonly keeper: Pick<TaskKeeper, "full">;
  readonly log: Log;
}

/** Reads from the origin what the swarm asks for, and tells it what came of it. */
export class OriginRuns {
  readonly #deps: OriginRunsDeps;
  readonly #readToEnd = new Set<TaskSession>();
  readonly #fruitless = new WeakMap<TaskSession, FruitlessRuns>();

  constructor(deps: OriginRunsDeps) {
    this.#deps = deps;
  }

  /** Where neither a supernode nor the origin tells the length, only reading on does. Never rejects. */
  async readToEnd(session: TaskSession, signal: AbortSignal): Promise<void> {
    if (this.#readToEnd.has(session)) return;
    this.#readToEnd.add(session);
    const firstPiece = firstUnread(session);
    const run = { firstPiece, pieceCount: PIECE_COUNT_MAX - firstPiece };
    await this.read(session, run, AbortSignal.any([signal, session.over]));
    this.#readToEnd.delete(session);
  }

  /** No supernode brings the task any more: what no neighbour holds is read from the origin. */
  orphaned(session: TaskSession, signal: AbortSignal): void {
    const { driver } = this.#deps;
    if (session.lengthBytes === undefined) void this.readToEnd(session, signal);
    else driver.swarm.orphan(driver.nowMs, session.number);
  }

  /** Reads a run of pieces. Never rejects: the swarm hears of pieces, or of the first that did not come. */
  async read(
    session: TaskSession,
    run: { readonly firstPiece: number; readonly pieceCount: number },
    signal: AbortSignal,
  ): Promise<void> {
    const { intake, driver, keeper, log } = this.#deps;
    try {
      if (!session.mayUseOrigin) throw forbidden();
      const events = { piece: (piece: number) => driver.originPieceHeld(session, piece) };
      await intake.fetchRun(session, { ...run, expected: session.version }, events, signal);
      driver.lengthKnown(session);
      keeper.full(session);
    } catch (error) {
      if (signal.aborted) return;
      const { taskId } = session;
      log.warn({ taskId, error: (error as Error).message }, "the origin could not be read");
      const isFinal = error instanceof ProtocolError && isForGood(error);
      if (isFinal || session.lengthBytes === undefined || this.#isHopeless(session)) {
        session.fail(asProtocolError(error));
        return;
      }
      // Whoever waits shall know what for.
      session.trouble = (error as Error).message;
      driver.originRunFailed(session, session.stored.have.firstMissing(run.firstPiece));
    }
  }

  /** Counts a failed run. Somebody waits for the task, and shall not wait for ever. */
  #isHopeless(session: TaskSession): boolean {
    const { nowMs } = this.#deps.driver;
    const heldPieces = session.stored.have.count;
    const before = this.#fruitless.get(session);
    const runs =
      before?.heldPieces === heldPieces
        ? { ...before, count: before.count + 1 }
        : { heldPieces, sinceMs: nowMs, count: 1 };
    this.#fruitless.set(session, runs);
    return runs.count >= FRUITLESS_RUNS_MAX && nowMs - runs.sinceMs >= FRUITLESS_MS_MAX;
  }
}

/** Runs of a task that failed since the last piece of it came in. */
interface FruitlessRuns {
  readonly heldPieces: number;
  readonly sinceMs: number;
  readonly count: number;
}

/** Where reading goes on; at the start where the origin cannot be asked for the rest of the same version. */
function firstUnread({ taskId, version, stored: { have } }: TaskSession): number {
  if (!taskDigest(taskId) && strongValidator(version) === undefined) return 0;
  const missing = have.firstMissing();
  return missing < 0 ? have.length : missing;
}

/**
 * Pieces of two versions do not make up a content, so one that has changed is begun anew. What does not fit on
 * the disk now will not fit in a moment.
 */
function isForGood({ code }: ProtocolError): boolean {
  return code === "ORIGIN_CHANGED" || code === "STORAGE_FULL" || ERRORS[code].retry === "no";
}

function forbidden(): ProtocolError {
  return new ProtocolError(
    "SUPERNODE_UNAVAILABLE",
    "no supernode and no peer has the content, and this node was told not to ask the origin itself",
  );
}

function asProtocolError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  return new ProtocolError("INTERNAL", "the origin could not be read by a defect", {}, error);
}
