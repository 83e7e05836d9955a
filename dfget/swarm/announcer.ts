import type { SwarmContext } from "./swarm-context.ts";
import type { Host } from "./swarm-out.ts";
import type { TaskState } from "./task-state.ts";

const MIB = 1024 * 1024;

/** Tells neighbours what we hold and how many slots are free, collected over a few milliseconds. */
export class Announcer {
  readonly #context: SwarmContext;

  constructor(context: SwarmContext) {
    this.#context = context;
  }

  /** A piece is held now. */
  notePiece(nowMs: number, state: TaskState, piece: number): void {
    state.news.push(piece);
    this.noteSlots(nowMs, state);
  }

  /** Our free slots changed, or ought to be told again. */
  noteSlots(nowMs: number, state: TaskState): void {
    if (state.announceAtMs !== Infinity) return;
    const share = Math.max(0.25, Math.min(1, state.pieceLengthBytes / MIB));
    state.announceAtMs = nowMs + share * this.#context.options.haveDelayMs;
    this.#context.wake(state.announceAtMs);
  }

  /** A transfer came to nothing: neighbours that have been told "nothing" are asked again. */
  askAgain(nowMs: number, state: TaskState): void {
    // Of parts it asks for what it wants, and is granted nothing.
    if (state.isPart) return;
    state.asksAgain = true;
    this.noteSlots(nowMs, state);
  }

  /** A slot became free: the tasks whose neighbours think that we are full hear of it. */
  noteFreed(nowMs: number): void {
    for (const state of this.#context.tasks.values()) {
      if (state.toldFull && !state.isComplete && !state.isPart) this.noteSlots(nowMs, state);
    }
  }

  /** Sends what is due. */
  flush(nowMs: number): void {
    for (const state of this.#context.tasks.values()) {
      if (state.announceAtMs > nowMs) {
        if (state.announceAtMs !== Infinity) this.#context.wake(state.announceAtMs);
        continue;
      }
      state.announceAtMs = Infinity;
      const pieces = state.news;
      state.news = [];
      // Before this a grant would be declined, for nobody knows yet what it is good for.
      for (const piece of pieces) announce(state, piece);
      this.#send(state, pieces);
    }
  }

  #send(state: TaskState, pieces: readonly number[]): void {
    const { out } = this.#context;
    const freeSlots = this.#context.freeSlotsOf(state);
    const near: Host[] = [];
    for (const link of state.links.values()) {
      if (link.wants === undefined) {
        near.push(link.host);
        continue;
      }
      const wanted = pieces.filter((piece) => link.takes(piece));
      out.have([link.host], state.task, wanted, freeSlots);
    }
    if (near.length > 0) out.have(near, state.task, pieces, freeSlots);
    // An announcement without pieces asks for grants; see Neighbourhood.have.
    if (state.asksAgain && pieces.length > 0) {
      out.have([...state.links.keys()], state.task, [], freeSlots);
    }
    state.asksAgain = false;
    state.toldFull = freeSlots === 0;
  }
}

function announce(state: TaskState, piece: number): void {
  if (!state.announced.add(piece)) return;
  for (const link of state.links.values()) {
    if (link.have.has(piece) || !link.takes(piece)) continue;
    link.interest += 1;
    link.nothing = false;
  }
}
