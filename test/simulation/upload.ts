import type { Fetch } from "./fetch.ts";
import type { PeerNode } from "./peer-node.ts";
import type { Transfer } from "./piece-server.ts";
import type { World } from "./world.ts";

/** How long a sender waits for a receiver that says nothing any more. */
const SILENT_RECEIVER_MS = 2000;

/** A piece that a peer sends to another, and the upload slot that it takes up. */
export class Upload implements Transfer {
  readonly to: PeerNode;
  isOver = false;
  readonly #world: World;
  readonly #from: PeerNode;
  readonly #fetch: Fetch;
  readonly #startMs: number;
  #sending: Transfer | undefined;

  constructor(world: World, from: PeerNode, to: PeerNode, fetch: Fetch) {
    this.#world = world;
    this.#from = from;
    this.to = to;
    this.#fetch = fetch;
    this.#startMs = world.nowMs;
  }

  begin(lengthBytes: number, stalls: boolean): void {
    const path = this.#world.path(this.#from, this.to);
    this.#sending = this.#from.server.send(path, lengthBytes, stalls, () => {
      this.#end(this.#world.nowMs - this.#startMs);
      this.#fetch.answer(this.#from.faults.isCorrupter ? "corrupt" : "good");
    });
  }

  /** The sender's socket closes. */
  fail(): void {
    this.#sending?.cancel();
    this.#fetch.answer("failed");
  }

  /** The receiver does not want it any more; the sender notices a little later. */
  cancel(): void {
    this.#sending?.cancel();
    const world = this.#world;
    const delayMs = world.silent.has(this.to)
      ? SILENT_RECEIVER_MS
      : world.latencyMs(this.#from, this.to);
    world.events.after(delayMs, () => this.#end(-1));
  }

  #end(durationMs: number): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#from.uploads.delete(this);
    if (!this.#from.isAlive) return;
    const { task } = this.#fetch;
    this.#from.swarm.onUploadEnd(this.#world.nowMs, this.to.host, task, durationMs);
  }
}
