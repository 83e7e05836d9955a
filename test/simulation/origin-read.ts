import { ORIGIN } from "../../dfget/swarm/swarm.ts";
import { checkOriginRequest } from "./invariants.ts";
import type { PeerNode } from "./peer-node.ts";
import type { Transfer } from "./piece-server.ts";
import { pieceBytes } from "./scenario.ts";
import type { World } from "./world.ts";

/** A run of pieces that a peer reads from the origin, one after the other. */
export class OriginRead implements Transfer {
  readonly task: number;
  readonly firstPiece: number;
  readonly #world: World;
  readonly #to: PeerNode;
  readonly #endPiece: number;
  readonly #fails: boolean;
  #sending: Transfer | undefined;
  #isOver = false;

  constructor(world: World, to: PeerNode, task: number, firstPiece: number, count: number) {
    this.#world = world;
    this.#to = to;
    this.task = task;
    this.firstPiece = firstPiece;
    this.#endPiece = firstPiece + count;
    this.#fails = world.random() < world.scenario.faults.originFails;
  }

  /** Sends the request on its way. */
  begin(): void {
    const world = this.#world;
    const { controlMs, queueMs, swarm } = world.scenario;
    const delayMs = (swarm.haveDelayMs ?? 2) + world.scenario.latencyMs + 2 * queueMs;
    world.check(() => {
      for (let piece = this.firstPiece; piece < this.#endPiece; piece++) {
        checkOriginRequest(world.nowMs, this.#to, this.task, piece, delayMs);
      }
    });
    world.originRequests += 1;
    world.events.after(2 * controlMs, () => this.#next(this.firstPiece));
  }

  cancel(): void {
    this.#isOver = true;
    this.#sending?.cancel();
  }

  #next(piece: number): void {
    if (this.#isOver) return;
    if (this.#fails) {
      this.#to.originEnded(this);
      this.#to.originFailed(this.task, piece);
      return;
    }
    const { origin, scenario } = this.#world;
    const path = [origin.uplink, this.#to.down];
    const length = pieceBytes(scenario.tasks[this.task]!, piece);
    this.#sending = origin.send(path, length, false, () => {
      if (this.#isOver) return;
      const isLast = piece + 1 === this.#endPiece;
      if (isLast) this.#to.originEnded(this);
      this.#to.stored(this.task, piece, ORIGIN, "good");
      if (!isLast) this.#next(piece + 1);
    });
  }
}
