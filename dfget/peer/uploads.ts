import type { NodeId } from "../../protocol/node-id.ts";
import type { AdmissionGate } from "./admission-gate.ts";
import type { Neighbours } from "./neighbours.ts";
import type { PeerMetrics } from "./peer-metrics.ts";
import type { AskedPiece, UploadAnswer } from "./peer-server.ts";
import type { SwarmDriver } from "./swarm-driver.ts";
import type { TaskKeeper } from "./task-keeper.ts";
import type { TaskSession } from "./task-session.ts";

/** Pieces sent at once to clients that are no neighbours of the task, such as a person with curl. */
const STRANGERS_MAX = 4;

export interface UploadsDeps {
  readonly driver: {
    readonly nowMs: number;
    readonly swarm: Pick<SwarmDriver["swarm"], "onUploadStart" | "onUploadEnd">;
  };
  readonly keeper: Pick<TaskKeeper, "wake" | "touch" | "isSound">;
  readonly neighbours: Pick<Neighbours, "byNode">;
  readonly metrics: Pick<PeerMetrics, "pieceSent">;
  readonly gate: Pick<AdmissionGate, "admits">;
}

/** Decides about requests for pieces. */
export class Uploads {
  readonly #deps: UploadsDeps;
  #strangers = 0;

  constructor(deps: UploadsDeps) {
    this.#deps = deps;
  }

  /** What to send for a request, or why not. */
  async begin({ taskId, pieceIndex: piece, nodeId, admission }: AskedPiece): Promise<UploadAnswer> {
    const { keeper, metrics, gate } = this.#deps;
    // Before anything else, so that nobody learns here whether a private task is held.
    if (!gate.admits(taskId, nodeId, admission)) return "NOT_ADMITTED";
    const session = await keeper.wake(taskId);
    if (!session?.stored.have.has(piece)) return "NOT_FOUND";
    keeper.touch(session);
    const giveSlotBack = this.#takeSlot(session, nodeId);
    if (!giveSlotBack) return "NO_SLOT";
    // A wrong byte would not be taken, but held against this node.
    if (!(await keeper.isSound(session, piece))) {
      giveSlotBack(-1);
      return "NOT_FOUND";
    }
    const use = session.use();
    return {
      stored: session.stored,
      ended: ({ sentBytes, durationMs, isComplete }) => {
        keeper.touch(session);
        use[Symbol.dispose]();
        metrics.pieceSent(sentBytes);
        giveSlotBack(isComplete ? durationMs : -1);
      },
    };
  }

  /** Returns what gives the slot back, with the duration of the upload or -1; undefined where none is free. */
  #takeSlot(
    { number: task }: TaskSession,
    nodeId: NodeId | undefined,
  ): ((durationMs: number) => void) | undefined {
    const { driver, neighbours } = this.#deps;
    const link = nodeId && neighbours.byNode(nodeId);
    const host = link?.tasks.has(task) ? link.host : undefined;
    if (host === undefined) {
      if (this.#strangers >= STRANGERS_MAX) return undefined;
      this.#strangers += 1;
      return () => void (this.#strangers -= 1);
    }
    if (!driver.swarm.onUploadStart(driver.nowMs, host, task)) return undefined;
    return (durationMs) => driver.swarm.onUploadEnd(driver.nowMs, host, task, durationMs);
  }
}
