import { PIECE_COUNT_MAX } from "../../protocol/limits.ts";
import type { NodeId } from "../../protocol/node-id.ts";
import type { PeerFrame } from "../../protocol/peer-frames.ts";
import { parseTaskId } from "../../protocol/task-id.ts";
import type { Task } from "../swarm/swarm.ts";
import type { NeighbourLink } from "./neighbour-link.ts";
import type { NeighbourEvents } from "./neighbours.ts";
import type { Sessions } from "./sessions.ts";
import type { SwarmDriver } from "./swarm-driver.ts";
import type { TaskKeeper } from "./task-keeper.ts";
import type { TaskSession } from "./task-session.ts";

/** What a node does about the words of its neighbours. */
export class NeighbourConversation implements NeighbourEvents {
  readonly #deps: {
    readonly driver: SwarmDriver;
    readonly sessions: Sessions;
    readonly keeper: TaskKeeper;
  };

  constructor(deps: { driver: SwarmDriver; sessions: Sessions; keeper: TaskKeeper }) {
    this.#deps = deps;
  }

  up(link: NeighbourLink, resumed: Iterable<Task>): void {
    this.#deps.driver.linkUp(link, resumed);
  }

  down(link: NeighbourLink): void {
    this.#deps.driver.linkDown(link);
  }

  unreachable(nodeId: NodeId): void {
    this.#deps.driver.dialFailed(nodeId);
  }

  frame(link: NeighbourLink, frame: PeerFrame): void {
    if (frame.kind === "greeting") return;
    if (frame.kind === "hello") {
      this.#hello(link, frame);
      return;
    }
    const taskId = link.remoteTask(frame.task);
    const session = taskId === undefined ? undefined : this.#deps.sessions.byTaskId(taskId);
    if (session) this.#about(link, session, frame);
    if (frame.kind === "leave") link.retire(frame.task);
  }

  #hello(link: NeighbourLink, frame: Extract<PeerFrame, { kind: "hello" }>): void {
    const taskId = parseTaskId(frame.taskId);
    if (!taskId || frame.pieceCount > PIECE_COUNT_MAX) return;
    link.introduce(frame.task, taskId);
    const session = this.#deps.sessions.byTaskId(taskId);
    if (session) {
      this.#heard(link, session, frame);
      return;
    }
    // The frame's bytes belong to the socket: what is kept past this call is copied.
    const kept = { ...frame, have: frame.have.slice(), wants: frame.wants?.slice() };
    this.#deps.keeper.wake(taskId).then(
      (woken) => woken && this.#heard(link, woken, kept),
      () => undefined,
    );
  }

  #heard(
    link: NeighbourLink,
    session: TaskSession,
    frame: Extract<PeerFrame, { kind: "hello" }>,
  ): void {
    const { keeper, driver } = this.#deps;
    keeper.touch(session);
    // What came whole with the supernode's answer is exchanged from here on.
    if (session.isComplete) driver.open(session, false);
    driver.heard(link, session, frame);
  }

  #about(
    link: NeighbourLink,
    session: TaskSession,
    frame: Exclude<PeerFrame, { kind: "greeting" | "hello" }>,
  ): void {
    const { driver } = this.#deps;
    const { swarm, nowMs } = driver;
    const task = session.number;
    switch (frame.kind) {
      case "have":
        driver.announced(link, session, frame.pieces, frame.freeSlots);
        return;
      case "grant":
        swarm.onGrant(nowMs, link.host, task);
        return;
      case "decline":
        swarm.onDecline(nowMs, link.host, task, frame.reason, frame.freeSlots);
        return;
      case "claim":
        swarm.onClaim(nowMs, link.host, task, frame.firstPiece, frame.pieceCount, frame.owner);
        return;
      case "leave":
        driver.left(link, task);
        return;
      default:
        frame satisfies never;
    }
  }
}
