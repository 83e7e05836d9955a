import { Bitmap } from "../../protocol/bitmap.ts";
import { parseEndpoint } from "../../protocol/endpoint.ts";
import { ERRORS } from "../../protocol/error-table.ts";
import type { SupernodeFrame } from "../../protocol/node-frames.ts";
import { parseNodeId } from "../../protocol/node-id.ts";
import { pieceCount } from "../../protocol/piece-table.ts";
import type { Log } from "../../platform/log.ts";
import type { TrustedKeys } from "../../platform/signing.ts";
import type { PieceStore } from "../../store/piece-store.ts";
import type { AbortFrame, Joins, TaskFrame } from "./joins.ts";
import { abortError, joinFrame } from "./joins.ts";
import type { NeighbourAddress, Neighbours } from "./neighbours.ts";
import type { OriginIntake } from "./origin-intake.ts";
import type { PieceEndpoint } from "./piece-intake.ts";
import { holdingOf } from "./session-opener.ts";
import type { Sessions } from "./sessions.ts";
import { isServable } from "./sessions.ts";
import type { SupernodeLink, SupernodeLinkEvents, Welcome } from "./supernode-link.ts";
import type { SwarmDriver } from "./swarm-driver.ts";
import type { TaskKeeper } from "./task-keeper.ts";
import type { TaskSession } from "./task-session.ts";

export interface SupernodeConversationDeps {
  readonly keys: TrustedKeys;
  readonly sessions: Sessions;
  readonly joins: Joins;
  readonly store: PieceStore;
  readonly driver: SwarmDriver;
  readonly keeper: TaskKeeper;
  readonly neighbours: Neighbours;
  readonly originIntake: OriginIntake;
  readonly log: Log;
  link(): SupernodeLink;
}

/** What a node does about the words of its supernode. */
export class SupernodeConversation implements SupernodeLinkEvents {
  readonly #deps: SupernodeConversationDeps;
  #seed: PieceEndpoint | undefined;

  constructor(deps: SupernodeConversationDeps) {
    this.#deps = deps;
  }

  /** Where the seed serves pieces; undefined while there is no supernode. */
  get seed(): PieceEndpoint | undefined {
    return this.#seed;
  }

  connected(welcome: Welcome, url: string): void {
    const { keys, originIntake, driver } = this.#deps;
    keys.add(Uint8Array.from(welcome.publicKey));
    originIntake.endorsement = Uint8Array.from(welcome.endorsement);
    this.#seed = seedEndpoint(welcome.seedUrl ?? url);
    driver.swarm.supernodeBack(driver.nowMs);
    this.#announce();
  }

  lost(): void {
    const { joins, sessions, driver } = this.#deps;
    this.#seed = undefined;
    joins.lost();
    for (const session of sessions.all()) {
      // It might take back a task while we cannot hear it.
      if (!session.isComplete) session.needsWholeCheck = true;
    }
    driver.swarm.supernodeLost(driver.nowMs);
  }

  frame(frame: SupernodeFrame): void {
    switch (frame.kind) {
      case "welcome":
        return;
      case "ban":
        for (const text of frame.nodeIds) {
          const nodeId = parseNodeId(text);
          if (nodeId) this.#deps.neighbours.ban(nodeId, Math.min(frame.forMs, 3_600_000));
        }
        return;
      case "task":
        this.#answered(frame);
        return;
      case "abort":
        this.#aborted(frame);
        return;
      default:
        if (!this.#deps.joins.keep(frame.task, frame)) this.#about(frame);
    }
  }

  /** A new session is open: what the supernode said of it so far. */
  opened(session: TaskSession, frame: TaskFrame | undefined): void {
    const early = this.#deps.joins.takeEarly(session.number);
    if (!frame) return;
    this.#meet(session.number, frame.neighbours, false);
    for (const later of early) this.frame(later);
  }

  #answered(frame: TaskFrame): void {
    if (this.#deps.joins.answered(frame)) return;
    // The answer to a join that was repeated after the connection was lost.
    const session = this.#deps.sessions.byNumber(frame.task);
    if (!session || session.taskId !== frame.taskId) return;
    if (frame.lengthBytes !== undefined) this.#lengthKnown(session, frame.lengthBytes);
    this.#meet(frame.task, frame.neighbours, false);
  }

  #aborted(frame: AbortFrame): void {
    const { joins, sessions, driver, keeper } = this.#deps;
    if (joins.refused(frame)) return;
    const session = sessions.byNumber(frame.task);
    if (!session) {
      sessions.forget(frame.task);
      return;
    }
    if (frame.discard) keeper.discard(session, abortError(frame));
    else if (isOriginWorthTrying(frame) && session.origin && session.mayUseOrigin) {
      driver.swarm.orphan(driver.nowMs, session.number);
    } else if (!session.isComplete) session.fail(abortError(frame));
  }

  #about(frame: Exclude<SupernodeFrame, { kind: "welcome" | "ban" | "task" | "abort" }>): void {
    const { driver, sessions } = this.#deps;
    const session = sessions.byNumber(frame.task);
    switch (frame.kind) {
      case "offer":
        driver.offered(frame.task, frame.pieces);
        return;
      case "neighbours":
        this.#meet(frame.task, frame.neighbours, frame.far);
        return;
      case "stripes":
        driver.striped(frame.task, frame.mask);
        return;
      case "length":
        if (session) this.#lengthKnown(session, frame.lengthBytes);
        return;
      case "proven":
        // Holding the last piece says the same, see TaskSession.isReadable.
        session?.changed();
        return;
      case "ask-progress":
        this.#tellProgress(frame.task, session);
        return;
      default:
        frame satisfies never;
    }
  }

  #lengthKnown(session: TaskSession, lengthBytes: number): void {
    if (session.lengthBytes !== undefined) return;
    try {
      session.stored.setLength(lengthBytes);
    } catch (error) {
      this.#deps.log.warn(
        { error: (error as Error).message },
        "the supernode told an impossible length",
      );
      return;
    }
    this.#deps.driver.lengthKnown(session);
    if (session.isFull) this.#deps.keeper.full(session);
    session.changed();
  }

  #tellProgress(task: number, session: TaskSession | undefined): void {
    const send = (have: Bitmap): void =>
      void this.#deps.link().send({ kind: "progress", task, have: have.toBytes() });
    if (session) {
      send(session.stored.have);
      return;
    }
    const resting = [...this.#deps.sessions.resting()].find(([, number]) => number === task);
    const row = resting && this.#deps.store.list().find(({ taskId }) => taskId === resting[0]);
    if (row?.lengthBytes === undefined) this.#deps.link().send({ kind: "leave", task });
    else send(Bitmap.full(pieceCount(row.lengthBytes, row.pieceLengthBytes)));
  }

  #meet(
    task: number,
    named: readonly { readonly nodeId: string; readonly endpoint: string }[],
    isFar: boolean,
  ): void {
    const addresses: NeighbourAddress[] = [];
    for (const { nodeId: text, endpoint: place } of named) {
      const nodeId = parseNodeId(text);
      const endpoint = parseEndpoint(place);
      if (nodeId && endpoint) addresses.push({ nodeId, endpoint });
    }
    this.#deps.driver.meet(task, addresses, isFar);
  }

  /** Tells a supernode that has just been reached what is held and wanted here. */
  #announce(): void {
    const { sessions, store } = this.#deps;
    const link = this.#deps.link();
    for (const session of sessions.all()) {
      const request = { taskId: session.taskId, origin: session.origin };
      link.send(joinFrame(session.number, request, holdingOf(session.stored)));
    }
    for (const row of store.list()) {
      if (!isServable(row) || sessions.byTaskId(row.taskId)) continue;
      const number = sessions.restingNumber(row.taskId) ?? sessions.allot();
      sessions.rest(row.taskId, number);
      const count = pieceCount(row.lengthBytes!, row.pieceLengthBytes);
      link.send(
        joinFrame(
          number,
          { taskId: row.taskId },
          {
            pieceLengthBytes: row.pieceLengthBytes,
            lengthBytes: row.lengthBytes,
            have: Bitmap.full(count).toBytes(),
          },
        ),
      );
    }
  }
}

function isOriginWorthTrying(frame: AbortFrame): boolean {
  return ERRORS[abortError(frame).code].retry === "origin";
}

function seedEndpoint(url: string): PieceEndpoint {
  const { hostname, port, pathname, protocol } = new URL(url);
  return {
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
    basePath: pathname.replace(/\/+$/, ""),
    source: "seed",
  };
}
