import { Bitmap } from "../../protocol/bitmap.ts";
import type { SupernodeFrame } from "../../protocol/node-frames.ts";
import type { LoadNode } from "./load-node.ts";
import type { SeedClient } from "./seed-client.ts";
import type { SimulatedTask } from "./simulated-task.ts";

/** How often a node that downloads says what it holds. */
export const PROGRESS_MS = 1000;

/** The part that one node takes in a task. Pieces from the seed are really fetched; those from neighbours come by themselves. */
export class SimulatedDownload {
  readonly #node: LoadNode;
  readonly #task: SimulatedTask;
  readonly #seed: SeedClient;
  readonly #number: number;
  readonly #have: Bitmap;
  #joinedMs = 0;
  #nextProgressMs = Infinity;
  /** Settles with the answer of the supernode; rejects when the join is refused. */
  readonly answered = Promise.withResolvers<void>();
  /** Settles when the supernode has proven the whole task. */
  readonly proven = Promise.withResolvers<void>();

  constructor(node: LoadNode, task: SimulatedTask, seed: SeedClient) {
    this.#node = node;
    this.#task = task;
    this.#seed = seed;
    this.#number = node.nextTaskNumber();
    this.#have = new Bitmap(task.spec.pieceCount);
    this.answered.promise.catch(() => {});
    this.proven.promise.catch(() => {});
    node.onFrame = (frame) => this.#handle(frame);
  }

  get isFull(): boolean {
    return this.#have.isFull;
  }

  /** Joins; from now on the node gets pieces as its neighbours would send them. */
  join(nowMs: number): void {
    const { taskId, url, pieceLengthBytes } = this.#task.spec;
    this.#joinedMs = nowMs;
    // Nodes do not report in step.
    this.#nextProgressMs = nowMs + ((this.#node.index % 20) / 20 + 0.5) * PROGRESS_MS;
    this.#node.send({
      kind: "join",
      task: this.#number,
      taskId,
      origin: { url, headers: [] },
      pieceLengthBytes,
    });
  }

  /** Says what has come when it is time to; a node takes `fillMs` to get everything. */
  tick(nowMs: number, fillMs: number): void {
    if (nowMs < this.#nextProgressMs) return;
    this.#nextProgressMs += PROGRESS_MS;
    const { pieceCount } = this.#task.spec;
    const share = Math.min(1, (nowMs - this.#joinedMs) / fillMs);
    for (const piece of this.#task.present(Math.floor(share * pieceCount))) this.#have.add(piece);
    this.#report();
    // A node that has everything has nothing more to say.
    if (this.#have.isFull) this.#nextProgressMs = Infinity;
  }

  leave(): void {
    this.#node.onFrame = () => {};
    this.#node.send({ kind: "leave", task: this.#number });
  }

  #handle(frame: SupernodeFrame): void {
    if (!("task" in frame) || frame.task !== this.#number) return;
    switch (frame.kind) {
      case "task":
        return this.answered.resolve();
      case "proven":
        return this.proven.resolve();
      case "offer":
        for (const piece of frame.pieces) void this.#fetch(piece);
        return;
      case "ask-progress":
        return this.#report();
      case "abort": {
        const refused = new Error(`the supernode refused a join: ${frame.code} ${frame.message}`);
        this.answered.reject(refused);
        this.proven.reject(refused);
        return;
      }
      default:
    }
  }

  async #fetch(piece: number): Promise<void> {
    try {
      await this.#seed.fetch(this.#task.spec.taskId, piece, this.#node.nodeId);
      this.#have.add(piece);
      this.#task.arrived(piece);
    } catch {
      this.#task.failed();
    }
  }

  #report(): void {
    this.#node.send({ kind: "progress", task: this.#number, have: this.#have.toBytes() });
  }
}
