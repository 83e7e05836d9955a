import type { AdmissionGate } from "./admission-gate.ts";
import type { Neighbours } from "./neighbours.ts";
import type { PeerMetrics } from "./peer-metrics.ts";
import type { AskedPiece, UploadAnswer } from "./peer-server.ts";
import type { SwarmDriver } from "./swarm-driver.ts";
import type { TaskKeeper } from "./task-keeper.ts";

/** Pieces sent at once to clients that are no neighbours of the task, such as a person with curl. */
const STRANGERS_MAX = 4;

/** Decides about requests for pieces. */
export class Uploads {
  readonly #deps: {
    readonly driver: SwarmDriver;
    readonly keeper: TaskKeeper;
    readonly neighbours: Neighbours;
    readonly metrics: PeerMetrics;
    readonly gate: AdmissionGate;
  };
  #strangers = 0;

  constructor(deps: {
    driver: SwarmDriver;
    keeper: TaskKeeper;
    neighbours: Neighbours;
    metrics: PeerMetrics;
    gate: AdmissionGate;
  }) {
    this.#deps = deps;
  }

  /** What to send for a request, or why not. */
  async begin({ taskId, pieceIndex: piece, nodeId, admission }: AskedPiece): Promise<UploadAnswer> {
    const { keeper, driver, neighbours, metrics, gate } = this.#deps;
    // Before anything else, so that nobody learns here whether a private task is held.
    if (!gate.admits(taskId, nodeId, admission)) return "NOT_ADMITTED";
    const session = await keeper.wake(taskId);
    if (!session?.stored.have.has(piece)) return "NOT_FOUND";
    keeper.touch(session);
    const { stored } = session;
    const link = nodeId && neighbours.byNode(nodeId);
    const task = session.number;
    const host = link?.tasks.has(task) ? link.host : undefined;
    if (host === undefined) {
      if (this.#strangers >= STRANGERS_MAX) return "NO_SLOT";
      this.#strangers += 1;
    } else if (!driver.swarm.onUploadStart(driver.nowMs, host, task)) return "NO_SLOT";
    const use = session.use();
    return {
      stored,
      ended: ({ sentBytes, durationMs, isComplete }) => {
        keeper.touch(session);
        use[Symbol.dispose]();
        metrics.pieceSent(sentBytes);
        if (host === undefined) this.#strangers -= 1;
        else driver.swarm.onUploadEnd(driver.nowMs, host, task, isComplete ? durationMs : -1);
      },
    };
  }
}
