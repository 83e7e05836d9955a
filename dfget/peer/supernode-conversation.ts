import { Bitmap } from "../../protocol/bitmap.ts";
import { parseEndpoint } from "../../protocol/endpoint.ts";
import { ERRORS } from "../../protocol/error-table.ts";
import type { SupernodeFrame } from "../../protocol/node-frames.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { parseNodeId } from "../../protocol/node-id.ts";
import { pieceCount } from "../../protocol/piece-table.ts";
import type { Log } from "../../platform/log.ts";
import type { TrustedKeys } from "../../platform/signing.ts";
import type { PieceStore } from "../../store/piece-store.ts";
import type { AbortFrame, Joins, TaskFrame } from "./joins.ts";
import { abortError, joinFrame } from "./joins.ts";
import type { NeighbourAddress } from "./neighbours.ts";
import type { OriginIntake } from "./origin-intake.ts";
import type { PieceEndpoint } from "./piece-intake.ts";
import { SessionAdmission } from "./session-admission.ts";
import { holdingOf } from "./session-opener.ts";
import type { Sessions } from "./sessions.ts";
import { RESTING_MAX, isServable } from "./sessions.ts";
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
  readonly originIntake: OriginIntake;
  readonly log: Log;
  link(): SupernodeLink;
  /** The supernode does not bring the task any more. */
  orphaned(session: TaskSession): void;
}

/** How long a task of unknown length waits for the supernode to come back before it is read from the origin. */
const LENGTH_PATIENCE_MS = 5000;

/** What a node does about the words of its supernode. */
export class SupernodeConversation implements SupernodeLinkEvents {
  readonly #deps: SupernodeConversationDeps;
  #seed: PieceEndpoint | undefined;
  /** Counts connections that were lost. */
  #lostCount = 0;
  /** The count at the time of an answer that a session is being made for. */
  readonly #answeredAt = new WeakMap<TaskFrame, number>();
  #patience: NodeJS.Timeout | undefined;

  constructor(deps: SupernodeConversationDeps) {
    this.#deps = deps;
  }

  /** Where the seed serves pieces; undefined while there is no supernode. */
  get seed(): PieceEndpoint | undefined {
    return this.#seed;
  }

  connected(welcome: Welcome, url: string): void {
    const { keys, originIntake, driver } = this.#deps;
    clearTimeout(this.#patience);
    keys.add(Uint8Array.from(welcome.publicKey));
    originIntake.endorsement = Uint8Array.from(welcome.endorsement);
    this.#seed = this.#seedEndpoint(welcome.seedUrl, url);
    driver.swarm.supernodeBack(driver.nowMs);
    this.#announce();
  }

  lost(): void {
    const { joins, sessions, driver } = this.#deps;
    this.#seed = undefined;
    this.#lostCount += 1;
    joins.lost();
    for (const session of sessions.all()) {
      // It might take back a task while we cannot hear it.
      if (!session.isComplete) session.needsWholeCheck = true;
    }
    driver.swarm.supernodeLost(driver.nowMs);
    this.#patience = setTimeout(() => this.#readOnAlone(), LENGTH_PATIENCE_MS).unref();
  }

  frame(frame: SupernodeFrame): void {
    switch (frame.kind) {
      case "welcome":
        return;
      case "ban":
        for (const text of frame.nodeIds) {
          const nodeId = parseNodeId(text);
          if (nodeId) this.#deps.driver.ban(nodeId, frame.forMs);
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

  /** A new session is open: what the supernode said of it so far. With `mayHold` it waits for a word of what is held. */
  opened(session: TaskSession, frame: TaskFrame | undefined, mayHold = false): void {
    const early = this.#deps.joins.takeEarly(session.number);
    if (!frame) return;
    if (this.#answeredAt.get(frame) !== this.#lostCount) {
      // The answer is of a connection that is gone; the one after it has not heard of the task.
      if (!session.isComplete) session.needsWholeCheck = true;
      this.#join(session);
    }
    this.#meet(session.number, frame.neighbours, false);
    for (const later of early) this.frame(later);
    if (mayHold) this.#tellProgress(session.number, session);
  }

  #answered(frame: TaskFrame): void {
    this.#answeredAt.set(frame, this.#lostCount);
    if (this.#deps.joins.answered(frame)) return;
    // The answer to a join that was repeated after the connection was lost.
    const session = this.#deps.sessions.byNumber(frame.task);
    if (!session || session.taskId !== frame.taskId) return;
    if (frame.pieceLengthBytes !== session.pieceLengthBytes) {
      this.#deps.link().send({ kind: "leave", task: frame.task });
      this.#forsaken(session, otherCut());
      return;
    }
    if (frame.admission) this.#admitted(session, frame.admission);
    if (frame.lengthBytes !== undefined) this.#lengthKnown(session, frame.lengthBytes);
    this.#meet(frame.task, frame.neighbours, false);
  }

  #aborted(frame: AbortFrame): void {
    const { joins, sessions, keeper } = this.#deps;
    if (joins.refused(frame) || joins.keep(frame.task, frame)) return;
    const session = sessions.byNumber(frame.task);
    if (!session) {
      sessions.forget(frame.task);
      return;
    }
    if (frame.discard) keeper.discard(session, abortError(frame));
    else this.#forsaken(session, abortError(frame));
  }

  /** The supernode does not bring a task that is open here; the origin may. */
  #forsaken(session: TaskSession, error: ProtocolError): void {
    const mayAskOrigin = session.origin !== undefined && session.mayUseOrigin;
    if (mayAskOrigin && ERRORS[error.code].retry !== "no") this.#deps.orphaned(session);
    else if (!session.isComplete) session.fail(error);
  }

  /** Only a supernode or the origin can tell where a task of unknown length ends. */
  #readOnAlone(): void {
    for (const session of this.#deps.sessions.all()) {
      if (session.lengthBytes === undefined && !session.failure) this.#deps.orphaned(session);
    }
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
      case "admission":
        if (session) this.#admitted(session, frame.admission);
        return;
      case "ask-progress":
        this.#tellProgress(frame.task, session);
        return;
      default:
        frame satisfies never;
    }
  }

  #admitted(session: TaskSession, admission: Uint8Array): void {
    if (session.admission) session.admission.replace(admission);
    else session.admission = new SessionAdmission(admission);
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

  #seedEndpoint(told: string | undefined, connected: string): PieceEndpoint {
    const url = told === undefined ? undefined : URL.parse(told);
    if (url === null) this.#deps.log.warn("the supernode's --advertise makes no usable address");
    return endpointOf(url ?? new URL(connected));
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
    for (const session of sessions.all()) this.#join(session);
    const restable = store
      .list()
      .filter((row) => isServable(row) && !sessions.byTaskId(row.taskId))
      .slice(-RESTING_MAX);
    for (const row of restable) {
      const number = sessions.restingNumber(row.taskId) ?? sessions.allot();
      const forgotten = sessions.rest(row.taskId, number);
      const { taskId, pieceLengthBytes, lengthBytes } = row;
      const have = Bitmap.full(pieceCount(lengthBytes!, pieceLengthBytes)).toBytes();
      const holding = { pieceLengthBytes, lengthBytes, have };
      this.#deps.link().send(joinFrame(number, { taskId }, holding));
      if (forgotten !== undefined) this.#deps.link().send({ kind: "leave", task: forgotten });
    }
  }

  #join(session: TaskSession): void {
    const { taskId, identity, isPart } = session;
    // Whoever has everything needs no origin, and its headers may be secrets.
    const origin = session.isComplete ? undefined : session.origin;
    const request = { taskId, origin, identity, isPart };
    const holding = holdingOf(session.stored);
    const admission = session.isComplete ? undefined : session.admission?.bytes;
    this.#deps.link().send(joinFrame(session.number, request, holding, admission));
  }
}

function otherCut(): ProtocolError {
  return new ProtocolError(
    "ORIGIN_CHANGED",
    "the supernode has come back with another piece length for the content; ask for it again",
  );
}

function endpointOf({ hostname, port, pathname, protocol }: URL): PieceEndpoint {
  return {
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
    basePath: pathname.replace(/\/+$/, ""),
    source: "seed",
  };
}
