import { Bitmap } from "../../protocol/bitmap.ts";
import { defaultSwarmOptions, ORIGIN, Swarm } from "../../dfget/swarm/swarm.ts";
import { bytesOf } from "./bound.ts";
import type { Answer, Fetch } from "./fetch.ts";
import type { Cable } from "./flow-network.ts";
import { checkComplete, checkSlots, checkStored } from "./invariants.ts";
import type { OriginRead } from "./origin-read.ts";
import { peerSockets } from "./peer-sockets.ts";
import { PieceServer, type Transfer } from "./piece-server.ts";
import { Processor } from "./processor.ts";
import { PullRun } from "./pull-run.ts";
import { bytesPerMs, pieceBytes, pieceCount, type Pull } from "./scenario.ts";
import { SimulationError } from "./simulation-error.ts";
import { Upload } from "./upload.ts";
import type { World } from "./world.ts";

/** What a peer suffers from. */
export interface PeerFaults {
  readonly isSlow: boolean;
  readonly isStaller: boolean;
  readonly isCorrupter: boolean;
}

/** A simulated peer: the real swarm module, its sockets and its disk played by the world. */
export class PeerNode {
  readonly host: number;
  readonly nodeKey: number;
  readonly zone: number;
  readonly faults: PeerFaults;
  readonly up: Cable;
  readonly down: Cable;
  readonly server: PieceServer;
  readonly processor = new Processor();
  readonly swarm: Swarm;
  /** Per task, the pieces on its disk, and when each got there. */
  readonly verified = new Map<number, Bitmap>();
  readonly #storedMs = new Map<number, Float64Array>();
  readonly connected = new Set<PeerNode>();
  /** Per task, with whom it exchanges it. */
  readonly #neighbours = new Map<number, Set<PeerNode>>();
  /** Hosts that it blamed or was told are out, and when last. */
  readonly distrustedMs = new Map<number, number>();
  readonly runs: PullRun[] = [];
  /** Pieces that are coming in, from peers and from the seed. */
  readonly fetches: Fetch[] = [];
  readonly originReads: OriginRead[] = [];
  readonly uploads = new Set<Upload>();
  joinedMs = Infinity;
  /** When the first piece was stored, and the last one; or, before that, when a task was begun. */
  firstMs = Infinity;
  lastPieceMs = Infinity;
  /** When the last pull was over. */
  endMs = Infinity;
  isAlive = true;
  /** Corrupt pieces that came in, and when its own first one arrived somewhere. */
  corruptReceived = 0;
  corruptSentMs = Infinity;
  readonly #world: World;
  readonly #uploadsMax: number;
  readonly #fetchesMax: number;
  readonly #waiting: number[] = [];
  readonly #readers = new Map<number, number>();
  #pullsLeft: number;
  #open = 0;
  #wakeMs = Infinity;
  readonly #wakeUp = (): void => this.#tick();

  constructor(world: World, host: number, nodeKey: number, zone: number, faults: PeerFaults) {
    this.#world = world;
    this.host = host;
    this.nodeKey = nodeKey;
    this.zone = zone;
    this.faults = faults;
    const { scenario } = world;
    const rate = bytesPerMs(scenario.mbit) * (faults.isSlow ? scenario.faults.slowFactor : 1);
    this.up = world.network.cable(rate);
    this.down = world.network.cable(rate);
    this.server = new PieceServer(world.network, this.up, scenario.isPaced);
    this.swarm = new Swarm({ ...scenario.swarm, nodeKey }, peerSockets(world, this), world.random);
    const options = { ...defaultSwarmOptions, ...scenario.swarm };
    this.#uploadsMax = options.uploadSlots + options.grantsAhead;
    this.#fetchesMax = options.downloadSlots + options.offerExtraSlots;
    this.#pullsLeft = scenario.pulls?.[host]?.length ?? 1;
  }

  get isDone(): boolean {
    return this.#pullsLeft === 0;
  }

  /** Who exchanges a task with it. */
  neighbours(task: number): Iterable<PeerNode> {
    return this.#neighbours.get(task) ?? [];
  }

  /** A neighbour is connected. */
  connect(task: number, other: PeerNode): void {
    this.connected.add(other);
    let neighbours = this.#neighbours.get(task);
    if (neighbours === undefined) this.#neighbours.set(task, (neighbours = new Set()));
    neighbours.add(other);
  }

  /** A neighbour is gone. */
  disconnect(other: PeerNode): void {
    this.connected.delete(other);
    for (const neighbours of this.#neighbours.values()) neighbours.delete(other);
    if (this.isAlive) this.swarm.removeHost(this.#world.nowMs, other.host);
  }

  /** Begins with a pull. */
  pull({ tasks }: Pull): void {
    const { nowMs, scenario } = this.#world;
    this.joinedMs = Math.min(this.joinedMs, nowMs);
    const lacking = tasks.filter((task) => this.verified.get(task)?.isFull !== true);
    const bytes = bytesOf(scenario, lacking) - this.#bytesOf(lacking);
    const run = new PullRun(tasks, lacking, bytes, nowMs);
    this.runs.push(run);
    if (run.isOver) this.#pullOver();
    for (const task of lacking) {
      if (!this.verified.has(task) && !this.#waiting.includes(task)) this.#waiting.push(task);
    }
    this.#begin();
  }

  /** When it stored a piece; Infinity while it lacks it. */
  heldSinceMs(task: number, piece: number): number {
    if (this.verified.get(task)?.has(piece) !== true) return Infinity;
    return this.#storedMs.get(task)![piece]!;
  }

  /** Stops being there. With `isLoud` the sockets close, else they just fall silent. */
  die(isLoud: boolean): void {
    this.isAlive = false;
    const transfers: Transfer[] = [...this.fetches, ...this.originReads];
    for (const transfer of transfers) transfer.cancel();
    this.fetches.length = 0;
    this.originReads.length = 0;
    if (!isLoud) this.server.freeze();
    for (const upload of this.uploads) {
      if (isLoud) upload.fail();
      upload.isOver = true;
    }
    this.uploads.clear();
  }

  /** Ticks the swarm at this time; of several the earliest counts until then. */
  wakeAt(atMs: number): void {
    if (atMs >= this.#wakeMs) return;
    this.#wakeMs = Math.max(atMs, this.#world.nowMs);
    this.#world.events.at(this.#wakeMs, this.#wakeUp);
  }

  /** A request of a neighbour arrives. The fetch is answered when it is sent, or cannot be. */
  serve(to: PeerNode, fetch: Fetch): Transfer | undefined {
    const world = this.#world;
    const { task, piece } = fetch;
    if (this.verified.get(task)?.has(piece) !== true) {
      throw new SimulationError(`peer ${to.host} asked ${this.host} for a piece it never had`);
    }
    if (!this.swarm.onUploadStart(world.nowMs, to.host, task)) {
      fetch.answer("busy");
      return undefined;
    }
    const upload = new Upload(world, this, to, fetch);
    this.uploads.add(upload);
    this.#checkUploads();
    const stalls = this.faults.isStaller && world.random() < world.scenario.faults.stallChance;
    upload.begin(pieceBytes(world.scenario.tasks[task]!, piece), stalls);
    return upload;
  }

  /** The supernode offers a piece. */
  offered(task: number, piece: number): void {
    this.swarm.onOffer(this.#world.nowMs, task, piece);
  }

  /** A piece was asked for. */
  addFetch(fetch: Fetch): void {
    if (this.fetchOf(fetch.from, fetch.task, fetch.piece) !== undefined) {
      throw new SimulationError(`peer ${this.host} requested piece ${fetch.piece} twice at once`);
    }
    this.fetches.push(fetch);
    checkSlots(this.host, "fetches", this.fetches.length, this.#fetchesMax);
    fetch.begin();
  }

  fetchOf(from: number, task: number, piece: number): Fetch | undefined {
    return this.fetches.find(
      (fetch) => fetch.piece === piece && fetch.from === from && fetch.task === task,
    );
  }

  removeFetch(fetch: Fetch): void {
    this.fetches.splice(this.fetches.indexOf(fetch), 1);
  }

  /** A fetch came to its end. */
  fetched(fetch: Fetch, end: Answer): void {
    this.removeFetch(fetch);
    const { task, piece, from } = fetch;
    const { nowMs, peers } = this.#world;
    // The digest is compared here; `stored` checks that nothing else gets through.
    if (end === "good") {
      this.stored(task, piece, from, end);
      return;
    }
    if (end === "corrupt") {
      this.corruptReceived += 1;
      const source = peers[from]!;
      source.corruptSentMs = Math.min(source.corruptSentMs, nowMs);
    }
    this.swarm.onPieceFailed(nowMs, task, piece, from, end);
  }

  /** A run read from the origin is over, or all of it asked for. */
  originEnded(read: OriginRead): void {
    const index = this.originReads.indexOf(read);
    if (index >= 0) this.originReads.splice(index, 1);
  }

  originFailed(task: number, piece: number): void {
    this.swarm.onPieceFailed(this.#world.nowMs, task, piece, ORIGIN, "failed");
  }

  /** A piece is on the disk and counted as verified. */
  stored(task: number, piece: number, from: number, bytes: "good" | "corrupt"): void {
    checkStored(this.host, task, piece, bytes === "good");
    const { nowMs, scenario } = this.#world;
    if (this.verified.get(task)!.add(piece)) this.#storedMs.get(task)![piece] = nowMs;
    this.firstMs = Math.min(this.firstMs, nowMs);
    this.lastPieceMs = nowMs;
    if (scenario.hasReaders) this.#read(task, piece);
    this.swarm.onPiece(nowMs, task, piece, from);
    if (scenario.hasReaders) this.swarm.readerAt(nowMs, task, this.#readers.get(task));
  }

  /** The swarm says that a task is complete. */
  completed(task: number): void {
    const { nowMs } = this.#world;
    checkComplete(this.host, task, this.verified.get(task)!);
    this.#world.supernode.tellProgress(this, task);
    this.#open -= 1;
    for (const run of this.runs) if (run.completed(nowMs, task)) this.#pullOver();
    // The swarm must not be called from inside.
    if (this.#waiting.length > 0) this.#world.events.after(0, () => this.#begin());
  }

  /** Begins with the next tasks, as many as are fetched at a time. */
  #begin(): void {
    const { nowMs, scenario, supernode } = this.#world;
    while (this.isAlive && this.#open < scenario.concurrency && this.#waiting.length > 0) {
      const task = this.#waiting.shift()!;
      const count = pieceCount(scenario.tasks[task]!);
      this.#open += 1;
      this.lastPieceMs = nowMs;
      this.verified.set(task, new Bitmap(count));
      this.#storedMs.set(task, new Float64Array(count));
      this.swarm.open(nowMs, task, {
        taskKey: task * 7919 + 17,
        pieceCount: count,
        pieceLengthBytes: scenario.tasks[task]!.pieceBytes,
      });
      if (scenario.hasReaders) {
        this.#readers.set(task, 0);
        this.swarm.readerAt(nowMs, task, 0);
      }
      supernode.join(this, task);
    }
  }

  /** The reader of a task goes on as far as it can. */
  #read(task: number, piece: number): void {
    const cursor = this.#readers.get(task)!;
    if (piece !== cursor) return;
    const { nowMs, scenario } = this.#world;
    const { pieceBytes: length, sizeBytes } = scenario.tasks[task]!;
    const verified = this.verified.get(task)!;
    const missing = verified.firstMissing(cursor);
    const next = missing < 0 ? verified.length : missing;
    const bytes = Math.min(sizeBytes, next * length) - cursor * length;
    this.#readers.set(task, next);
    for (const run of this.runs) {
      if (!run.isOver && run.tasks.has(task)) run.reader.advance(nowMs, bytes);
    }
  }

  #pullOver(): void {
    this.#pullsLeft -= 1;
    if (this.#pullsLeft > 0) return;
    this.endMs = this.#world.nowMs;
    this.#world.finished();
  }

  #bytesOf(tasks: readonly number[]): number {
    let bytes = 0;
    for (const task of tasks) {
      const count = this.verified.get(task)?.count ?? 0;
      bytes += count * this.#world.scenario.tasks[task]!.pieceBytes;
    }
    return bytes;
  }

  #tick(): void {
    if (this.#wakeMs !== this.#world.nowMs) return;
    this.#wakeMs = Infinity;
    if (this.isAlive) this.swarm.tick(this.#world.nowMs);
  }

  #checkUploads(): void {
    if (this.uploads.size <= this.#uploadsMax) return;
    let count = 0;
    // What goes to a peer whose socket is closed ends by itself and is no longer counted.
    for (const upload of this.uploads) if (this.connected.has(upload.to)) count += 1;
    checkSlots(this.host, "sends", count, this.#uploadsMax);
  }
}
