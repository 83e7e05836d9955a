import { nodeKey } from "../../protocol/node-id.ts";
import type { NodeId } from "../../protocol/node-id.ts";
import type { NodeFrame } from "../../protocol/node-frames.ts";
import type { Clock, Random } from "../../platform/clock.ts";
import type { Host, SwarmOut, Task } from "../swarm/swarm.ts";
import { ORIGIN, SEED, STRIPE_COUNT, Swarm } from "../swarm/swarm.ts";
import type { SwarmOptions } from "../swarm/swarm.ts";
import { BannedNodes } from "./banned-nodes.ts";
import { GrowingTask } from "./growing-task.ts";
import type { NeighbourLink } from "./neighbour-link.ts";
import type { NeighbourAddress, Neighbours } from "./neighbours.ts";
import type { PieceEndpoint, PieceIntake } from "./piece-intake.ts";
import { SwarmMessages } from "./swarm-messages.ts";
import { bitmapOf, resized } from "./told-bitmap.ts";
import { taskKey } from "./task-key.ts";
import type { TaskSession } from "./task-session.ts";
import type { Transfers } from "./transfers.ts";

/** Pieces that readers of one task are fetched at once, ahead of all others. */
export const WANTED_MAX = 64;

/** What the driver needs from the peer around it. */
export interface SwarmDriverDeps {
  readonly nodeId: NodeId;
  readonly clock: Clock;
  readonly random: Random;
  readonly neighbours: Neighbours;
  readonly intake: PieceIntake;
  readonly transfers: Transfers;
  sendToSupernode(frame: NodeFrame): void;
  /** Where the seed serves pieces now. */
  seedEndpoint(): PieceEndpoint | undefined;
  /** Reads a run of pieces from the origin; reports through `pieceHeld` and `originRunFailed`. */
  readOrigin(
    session: TaskSession,
    firstPiece: number,
    pieceCount: number,
    signal: AbortSignal,
  ): void;
  /** All pieces of the session are held. */
  full(session: TaskSession): void;
}

/** A task that the swarm works on. */
interface ActiveTask {
  readonly session: TaskSession;
  readonly growing: GrowingTask;
  readonly originRuns: Map<number, AbortController>;
}

/** Carries out what the pure swarm decides, and tells it what happens: sockets and timers on one side, events on the other. */
export class SwarmDriver {
  readonly swarm: Swarm;
  readonly #deps: SwarmDriverDeps;
  readonly #active = new Map<Task, ActiveTask>();
  /** Neighbours that the supernode named, until their connection is up. */
  readonly #wanted = new Map<NodeId, Map<Task, boolean>>();
  readonly #banned: BannedNodes;
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs = Infinity;

  constructor(options: Partial<SwarmOptions>, deps: SwarmDriverDeps) {
    this.#deps = deps;
    this.#banned = new BannedNodes(deps.clock);
    const messages = new SwarmMessages(deps.neighbours, (task) => this.#active.get(task)?.session);
    const out: SwarmOut = {
      hello: (to, task, have, freeSlots, ageMs, wants, isUnanswered) =>
        messages.hello(to, task, have, { freeSlots, ageMs, wants, isUnanswered }),
      have: (to, task, pieces, freeSlots) => messages.have(to, task, pieces, freeSlots),
      grant: (to, task) => messages.send(to, { kind: "grant", task }),
      decline: (to, task, reason, freeSlots) =>
        messages.send(to, { kind: "decline", task, reason, freeSlots }),
      claim: (to, task, firstPiece, pieceCount, owner) =>
        messages.sendAll(to, { kind: "claim", task, firstPiece, pieceCount, owner }),
      request: (from, task, piece) => void this.#request(from, task, piece),
      abort: (from, task, piece) => this.#abort(from, task, piece),
      requestOrigin: (task, firstPiece, pieceCount) =>
        this.#requestOrigin(task, firstPiece, pieceCount),
      want: (task, pieces, isAgain) =>
        deps.sendToSupernode({ kind: "want", task, pieces: [...pieces], isAgain, isWhole: false }),
      refuseOffer: (task, piece) => deps.sendToSupernode({ kind: "refuse-offer", task, piece }),
      blame: (task, host, piece, reason) => {
        const nodeId = deps.neighbours.byHost(host)?.nodeId;
        if (nodeId) deps.sendToSupernode({ kind: "blame", task, nodeId, piece, reason });
      },
      starve: (task) => deps.sendToSupernode({ kind: "starve", task }),
      complete: (task) => {
        const active = this.#active.get(task);
        // The swarm must not be called back from inside.
        if (active) queueMicrotask(() => deps.full(active.session));
      },
      wake: (atMs) => this.#wake(atMs),
    };
    this.swarm = new Swarm({ nodeKey: nodeKey(deps.nodeId), ...options }, out, deps.random);
  }

  /** Milliseconds, as every event is told. */
  get nowMs(): number {
    return this.#deps.clock.nowMs();
  }

  /** Begins to exchange a task. Without a supernode, `isOrphan`, what is missing comes from the origin. */
  open(session: TaskSession, isOrphan: boolean): void {
    const task = session.number;
    if (this.#active.has(task)) return;
    this.#active.set(task, { session, growing: new GrowingTask(), originRuns: new Map() });
    const growing = this.#active.get(task)!.growing;
    const pieceCount = session.pieceCount ?? session.stored.have.length;
    growing.ended(pieceCount);
    this.swarm.open(this.nowMs, task, {
      taskKey: taskKey(session.taskId),
      pieceCount,
      pieceLengthBytes: session.pieceLengthBytes,
      have: session.stored.have,
      isPart: session.isPart,
    });
    if (isOrphan) this.swarm.orphan(this.nowMs, task);
  }

  /** A task of which parts were read is wanted whole. */
  readWhole(session: TaskSession): void {
    if (!this.isOpen(session)) return;
    const { number: task } = session;
    this.#deps.sendToSupernode({ kind: "want", task, pieces: [], isAgain: false, isWhole: true });
    this.swarm.readWhole(this.nowMs, task);
  }

  /** Stops exchanging a task; resolves when nothing writes to it any more. */
  async close(session: TaskSession): Promise<void> {
    const task = session.number;
    const active = this.#active.get(task);
    if (!active || active.session !== session) return;
    for (const run of active.originRuns.values()) run.abort();
    this.swarm.close(this.nowMs, task);
    this.#active.delete(task);
    for (const link of this.#deps.neighbours.all()) {
      if (link.tasks.delete(task)) link.send({ kind: "leave", task });
    }
    for (const tasks of this.#wanted.values()) tasks.delete(task);
    await this.#deps.transfers.abortTask(task);
  }

  isOpen(session: TaskSession): boolean {
    return this.#active.get(session.number)?.session === session;
  }

  /** The length of a task became known. */
  lengthKnown(session: TaskSession): void {
    const active = this.#active.get(session.number);
    const { pieceCount } = session;
    if (!active || pieceCount === undefined) return;
    active.growing.ended(pieceCount);
    this.#grown(session.number, active);
  }

  /** The supernode named nodes to exchange a task with. */
  meet(task: Task, addresses: Iterable<NeighbourAddress>, isFar: boolean): void {
    for (const address of addresses) {
      const { nodeId } = address;
      if (nodeId === this.#deps.nodeId) continue;
      const link = this.#deps.neighbours.byNode(nodeId);
      if (link) {
        this.#exchange(link, task, isFar);
        continue;
      }
      const tasks = this.#wanted.get(nodeId) ?? new Map<Task, boolean>();
      this.#wanted.set(nodeId, tasks.set(task, isFar));
      this.#deps.neighbours.dial(address);
    }
  }

  /** A connection to a neighbour is up. */
  linkUp(link: NeighbourLink, resumed: Iterable<Task>): void {
    const leftMs = this.#banned.leftMs(link.nodeId);
    if (leftMs > 0) this.swarm.ban(this.nowMs, link.host, leftMs);
    for (const task of resumed) this.#exchange(link, task, false);
    const tasks = this.#wanted.get(link.nodeId);
    this.#wanted.delete(link.nodeId);
    for (const [task, isFar] of tasks ?? []) this.#exchange(link, task, isFar);
  }

  /** The supernode said to take nothing from a node for so long. It is still served, for it may only be slow. */
  ban(nodeId: NodeId, forMs: number): void {
    this.#banned.ban(nodeId, forMs);
    const link = this.#deps.neighbours.byNode(nodeId);
    if (link) this.swarm.ban(this.nowMs, link.host, this.#banned.leftMs(nodeId));
  }

  linkDown(link: NeighbourLink): void {
    link.tasks.clear();
    for (const { growing } of this.#active.values()) growing.forget(link.host);
    this.swarm.removeHost(this.nowMs, link.host);
  }

  /** The dialled node did not answer. */
  dialFailed(nodeId: NodeId): void {
    this.#wanted.delete(nodeId);
  }

  /** A neighbour said what it holds of a task that is open here. */
  heard(
    link: NeighbourLink,
    session: TaskSession,
    hello: {
      readonly have: Uint8Array;
      readonly pieceCount: number;
      readonly pieceLengthBytes: number;
      readonly freeSlots: number;
      readonly ageMs: number;
      readonly wants?: Uint8Array | undefined;
      readonly isUnanswered?: boolean | undefined;
    },
  ): void {
    const task = session.number;
    const active = this.#active.get(task);
    // The task may have had to be woken first, and the neighbour be gone by now.
    const isUp = this.#deps.neighbours.byHost(link.host) === link;
    if (!active || !isUp || hello.pieceLengthBytes !== session.pieceLengthBytes) return;
    const have = bitmapOf(hello.have, hello.pieceCount);
    const wants = hello.wants && bitmapOf(hello.wants, STRIPE_COUNT);
    const isForeign = session.pieceCount !== undefined && hello.pieceCount > session.pieceCount;
    if (!have || isForeign) return;
    this.#exchange(link, task, false);
    if (session.pieceCount === undefined && active.growing.held(link.host, have)) {
      this.#grown(task, active);
    }
    const known = resized(have, active.growing.pieceCount);
    const { freeSlots, ageMs, isUnanswered } = hello;
    this.swarm.onHello(this.nowMs, link.host, task, known, freeSlots, ageMs, wants, isUnanswered);
  }

  /** A neighbour got pieces. */
  announced(
    link: NeighbourLink,
    session: TaskSession,
    pieces: readonly number[],
    freeSlots: number,
  ): void {
    const active = this.#active.get(session.number);
    if (!active) return;
    if (session.pieceCount === undefined && active.growing.held(link.host, pieces)) {
      this.#grown(session.number, active);
    }
    this.swarm.onHave(this.nowMs, link.host, session.number, pieces, freeSlots);
  }

  /** The supernode offers pieces; those of a task that is not open are refused. */
  offered(task: Task, pieces: readonly number[]): void {
    const active = this.#active.get(task);
    for (const piece of pieces) {
      if (!active) {
        this.#deps.sendToSupernode({ kind: "refuse-offer", task, piece });
        continue;
      }
      if (active.session.pieceCount === undefined && active.growing.offered(piece)) {
        this.#grown(task, active);
      }
      this.swarm.onOffer(this.nowMs, task, piece);
    }
  }

  /** The supernode said which stripes come in through us. */
  striped(task: Task, mask: Uint8Array): void {
    const stripes = bitmapOf(mask, STRIPE_COUNT);
    if (stripes) this.swarm.stripes(this.nowMs, task, stripes);
  }

  /** A neighbour left a task. */
  left(link: NeighbourLink, task: Task): void {
    link.tasks.delete(task);
    this.swarm.removeNeighbour(this.nowMs, task, link.host);
  }

  /** A piece was read from the origin and committed. */
  originPieceHeld(session: TaskSession, piece: number): void {
    const active = this.#active.get(session.number);
    if (active?.session !== session) return;
    if (session.pieceCount === undefined && active.growing.offered(piece)) {
      this.#grown(session.number, active);
    }
    this.swarm.onPiece(this.nowMs, session.number, piece, ORIGIN);
  }

  /** A run from the origin ended without this piece. */
  originRunFailed(session: TaskSession, piece: number): void {
    if (!this.isOpen(session)) return;
    this.swarm.onPieceFailed(this.nowMs, session.number, piece, ORIGIN, "failed");
  }

  /** Tells the swarm where the readers of a task stand. */
  readersMoved(session: TaskSession): void {
    if (!this.isOpen(session)) return;
    let foremost: number | undefined;
    const wanted = new Set<number>();
    const { have } = session.stored;
    const runs: { next: number; readonly lastPiece: number }[] = [];
    for (const { piece, lastPiece } of session.cursors) {
      const missing = have.firstMissing(piece);
      if (missing < 0 || missing > lastPiece) continue;
      foremost = Math.min(foremost ?? missing, missing);
      const isPart = lastPiece < (session.pieceCount ?? Infinity) - 1;
      if (isPart || session.isPart || session.cursors.size > 1) wanted.add(missing);
      if (session.isPart) runs.push({ next: missing, lastPiece });
    }
    // Each reader's next piece, then the second of each, and so on: who reads much does not keep back who reads little.
    for (let open = runs; open.length > 0 && wanted.size < WANTED_MAX;) {
      for (const run of open) run.next = have.firstMissing(run.next + 1);
      open = open.filter(({ next, lastPiece }) => next >= 0 && next <= lastPiece);
      for (const { next } of open) wanted.add(next);
    }
    this.swarm.readerAt(this.nowMs, session.number, foremost);
    this.swarm.want(this.nowMs, session.number, [...wanted].slice(0, WANTED_MAX));
  }

  /** Ends the timer; nothing is decided any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timerAtMs = -Infinity;
  }

  #exchange(link: NeighbourLink, task: Task, isFar: boolean): void {
    if (!this.#active.has(task) || (link.tasks.has(task) && !isFar)) return;
    link.tasks.add(task);
    this.swarm.addNeighbour(this.nowMs, task, link.host, nodeKey(link.nodeId), isFar);
  }

  #grown(task: Task, active: ActiveTask): void {
    this.swarm.grow(this.nowMs, task, active.growing.pieceCount);
    for (const [host, pieces] of active.growing.takeLate()) {
      this.swarm.onHave(this.nowMs, host, task, pieces, 0);
    }
  }

  async #request(from: Host, task: Task, piece: number): Promise<void> {
    const active = this.#active.get(task);
    if (!active) return;
    const { session } = active;
    const result = await this.#deps.transfers
      .start(from, task, piece, async (signal, endRivals) => {
        const endpoint = this.#endpointOf(from);
        if (!endpoint) return "failed" as const;
        return await this.#deps.intake.fetch(session, piece, endpoint, endRivals, signal);
      })
      .catch(() => "aborted" as const);
    if (!this.isOpen(session) || result === "aborted") return;
    if (result === "held") this.swarm.onPiece(this.nowMs, task, piece, from);
    else this.swarm.onPieceFailed(this.nowMs, task, piece, from, result);
  }

  #endpointOf(from: Host): PieceEndpoint | undefined {
    if (from === SEED) return this.#deps.seedEndpoint();
    const link = this.#deps.neighbours.byHost(from);
    return link && { ...link.endpoint, basePath: "", source: "peers" };
  }

  #abort(from: Host, task: Task, piece: number): void {
    if (from === ORIGIN) this.#active.get(task)?.originRuns.get(piece)?.abort();
    else this.#deps.transfers.abort(from, task, piece);
  }

  #requestOrigin(task: Task, firstPiece: number, pieceCount: number): void {
    const active = this.#active.get(task);
    if (!active) return;
    const abort = new AbortController();
    active.originRuns.set(firstPiece, abort);
    // What it finds out at once must not reach the swarm from inside.
    queueMicrotask(() => {
      this.#deps.readOrigin(active.session, firstPiece, pieceCount, abort.signal);
    });
  }

  #wake(atMs: number): void {
    if (atMs >= this.#timerAtMs) return;
    clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(
      () => {
        this.#timerAtMs = Infinity;
        this.swarm.tick(this.nowMs);
      },
      Math.max(0, Math.ceil(atMs - this.nowMs)),
    );
  }
}
