import { SEED } from "../../dfget/swarm/swarm.ts";
import type { PeerNode } from "./peer-node.ts";
import type { Transfer } from "./piece-server.ts";
import { MIB, pieceBytes } from "./scenario.ts";
import type { World } from "./world.ts";

/** How a source answers a request: with the piece's bytes, with others, or without. */
export type Answer = "good" | "corrupt" | "busy" | "failed";

/** A piece on its way to a peer: the request, the sending, the answer, the check of its digest. */
export class Fetch implements Transfer {
  readonly from: number;
  readonly task: number;
  readonly piece: number;
  isOver = false;
  readonly #world: World;
  readonly #to: PeerNode;
  readonly #source: PeerNode | undefined;
  readonly #delayMs: number;
  #sending: Transfer | undefined;

  constructor(world: World, to: PeerNode, from: number, task: number, piece: number) {
    this.#world = world;
    this.#to = to;
    this.from = from;
    this.task = task;
    this.piece = piece;
    this.#source = from === SEED ? undefined : world.peers[from]!;
    const { scenario } = world;
    this.#delayMs =
      this.#source === undefined ? scenario.controlMs : world.latencyMs(to, this.#source);
  }

  /** Sends the request on its way. */
  begin(): void {
    const world = this.#world;
    const station = this.#source ?? world.supernode;
    const delayMs = this.#delayMs + world.scenario.requestMs;
    world.wires.carry(this.#to, station, delayMs, () => {
      const { pieceMs } = world.scenario;
      if (pieceMs === 0) this.#arrive();
      else world.events.at(station.processor.occupy(world.nowMs, pieceMs), () => this.#arrive());
    });
  }

  /** The source answers. The bytes themselves are there already; what is left is latency and work. */
  answer(end: Answer): void {
    const { events, scenario } = this.#world;
    const length = pieceBytes(scenario.tasks[this.task]!, this.piece);
    const isPiece = end === "good" || end === "corrupt";
    const verifyMs = isPiece ? (scenario.verifyMsPerMib * length) / MIB : 0;
    events.after(this.#delayMs + verifyMs, () => {
      if (isPiece && scenario.pieceMs > 0 && !this.isOver) {
        const atMs = this.#to.processor.occupy(events.nowMs, scenario.pieceMs);
        events.at(atMs, () => this.#end(end));
      } else {
        this.#end(end);
      }
    });
  }

  cancel(): void {
    this.isOver = true;
    this.#sending?.cancel();
  }

  #end(end: Answer): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#to.fetched(this, end);
  }

  #arrive(): void {
    if (this.isOver) return;
    const source = this.#source;
    if (source === undefined) this.#sending = this.#world.supernode.serve(this.#to, this);
    else if (source.isAlive) this.#sending = source.serve(this.#to, this);
    else if (!this.#world.silent.has(source)) this.answer("failed");
  }
}
