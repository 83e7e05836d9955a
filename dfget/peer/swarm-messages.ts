import type { Bitmap } from "../../protocol/bitmap.ts";
import type { PeerFrame } from "../../protocol/peer-frames.ts";
import { peerFrames } from "../../protocol/peer-frames.ts";
import type { Host, Task } from "../swarm/swarm.ts";
import type { Neighbours } from "./neighbours.ts";
import type { TaskSession } from "./task-session.ts";

/** Writes the swarm's messages to its neighbours. */
export class SwarmMessages {
  readonly #neighbours: Neighbours;
  readonly #sessionOf: (task: Task) => TaskSession | undefined;

  constructor(neighbours: Neighbours, sessionOf: (task: Task) => TaskSession | undefined) {
    this.#neighbours = neighbours;
    this.#sessionOf = sessionOf;
  }

  send(to: Host, frame: PeerFrame): void {
    this.#neighbours.byHost(to)?.send(frame);
  }

  /** The same frame to several neighbours, encoded once. */
  sendAll(to: readonly Host[], frame: PeerFrame): void {
    if (to.length === 0) return;
    const bytes = peerFrames.encode(frame);
    for (const host of to) this.#neighbours.byHost(host)?.sendBytes(bytes);
  }

  have(to: readonly Host[], task: Task, pieces: readonly number[], freeSlots: number): void {
    this.sendAll(to, { kind: "have", task, pieces, freeSlots });
  }

  hello(
    to: Host,
    task: Task,
    have: Bitmap,
    state: {
      readonly freeSlots: number;
      readonly ageMs: number;
      readonly wants: Bitmap | undefined;
      readonly isUnanswered: boolean | undefined;
    },
  ): void {
    const session = this.#sessionOf(task);
    if (!session) return;
    this.send(to, {
      kind: "hello",
      task,
      taskId: session.taskId,
      pieceLengthBytes: session.pieceLengthBytes,
      lengthBytes: session.lengthBytes,
      have: have.toBytes(),
      pieceCount: have.length,
      freeSlots: state.freeSlots,
      ageMs: Math.max(0, Math.round(state.ageMs)),
      wants: state.wants?.toBytes(),
      ...(state.isUnanswered === true ? { isUnanswered: true } : {}),
    });
  }
}
