import { Bitmap } from "../../protocol/bitmap.ts";
import { defaultSwarmOptions, ORIGIN, Swarm } from "../../dfget/swarm/swarm.ts";
import type { Answer, Fetch } from "./fetch.ts";
import type { Cable } from "./flow-network.ts";
import type { OriginRead } from "./origin-read.ts";
import { peerSockets } from "./peer-sockets.ts";
import { PieceServer, type Transfer } from "./piece-server.ts";
import { pieceBytes, pieceCount, bytesPerMs } from "./scenario.ts";
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
  readonly swarm: Swarm;
  readonly verified = new Map<number, Bitmap>();
  readonly connected = new Set<PeerNode>();
  readonly doneMs = new Map<number, number>();
  /** Pieces that are coming in, from peers and from the seed. */
  readonly fetches: Fetch[] = [];
  readonly originReads: OriginRead[] = [];
  readonly uploads = new Set<Upload>();
  /** When the first piece was stored; 0 before. */
  firstMs = 0;
  joinedMs = 0;
  isAlive = true;
  corruptReceived = 0;
  readonly #world: World;
  readonly #uploadsMax: number;
  #nextTask = 0;
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
    this.#uploadsMax = scenario.swarm.uploadSlots ?? defaultSwarmOptions.uploadSlots;
  }

  get isDone(): boolean {
    return this.doneMs.size === this.#world.scenario.tasks.length;
  }

  /** Begins with the next tasks, as many as are fetched at a time. */
  begin(): void {
    const { scenario } = this.#world;
    while (this.#nextTask < scenario.tasks.length) {
      if (this.#nextTask - this.doneMs.size >= scenario.concurrency) return;
      const task = this.#nextTask++;
      const { pieceBytes: lengthBytes } = scenario.tasks[task]!;
      const count = pieceCount(scenario.tasks[task]!);
      this.verified.set(task, new Bitmap(count));
      const opening = {
        taskKey: task * 7919 + 17,
        pieceCount: count,
        pieceLengthBytes: lengthBytes,
      };
      this.swarm.open(this.#world.nowMs, task, opening);
      if (scenario.hasReaders) this.swarm.readerAt(this.#world.nowMs, task, 0);
      this.#world.supernode.join(this, task);
    }
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
    const { nowMs } = this.#world;
    this.#wakeMs = Math.max(atMs, nowMs);
    this.#world.events.at(this.#wakeMs, this.#wakeUp);
  }

  /** A request of a neighbour arrives. The fetch is answered when it is sent, or cannot be. */
  serve(to: PeerNode, fetch: Fetch): Transfer | undefined {
    const world = this.#world;
    if (!this.isAlive) return undefined;
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
    if (this.isAlive) this.swarm.onOffer(this.#world.nowMs, task, piece);
  }

  /** A piece was asked for. */
  addFetch(fetch: Fetch): void {
    if (this.fetchOf(fetch.from, fetch.task, fetch.piece) !== undefined) {
      throw new SimulationError(`peer ${this.host} requested piece ${fetch.piece} twice at once`);
    }
    this.fetches.push(fetch);
    this.#checkDownloads();
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
    if (end === "good") {
      this.#store(task, piece, from);
      return;
    }
    if (end === "corrupt") this.corruptReceived += 1;
    this.swarm.onPieceFailed(this.#world.nowMs, task, piece, from, end);
  }

  /** A run read from the origin is over, or all of it asked for. */
  originEnded(read: OriginRead): void {
    const index = this.originReads.indexOf(read);
    if (index >= 0) this.originReads.splice(index, 1);
  }

  originSent(task: number, piece: number): void {
    this.#store(task, piece, ORIGIN);
  }

  originFailed(task: number, piece: number): void {
    this.swarm.onPieceFailed(this.#world.nowMs, task, piece, ORIGIN, "failed");
  }

  /** A task is complete. */
  completed(task: number): void {
    this.doneMs.set(task, this.#world.nowMs);
    this.#world.supernode.tellProgress(this, task);
    this.#world.events.after(0, () => this.begin());
    if (this.isDone) this.#world.finished();
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
    if (count > this.#uploadsMax) {
      throw new SimulationError(`peer ${this.host} sends ${count} pieces at a time`);
    }
  }

  #checkDownloads(): void {
    const { swarm } = this.#world.scenario;
    const slots = swarm.downloadSlots ?? defaultSwarmOptions.downloadSlots;
    const extra = swarm.offerExtraSlots ?? defaultSwarmOptions.offerExtraSlots;
    if (this.fetches.length > slots + extra) {
      throw new SimulationError(
        `peer ${this.host} fetches ${this.fetches.length} pieces at a time`,
      );
    }
  }

  #store(task: number, piece: number, from: number): void {
    const verified = this.verified.get(task)!;
    if (!verified.has(piece)) verified.add(piece);
    this.firstMs ||= this.#world.nowMs;
    this.swarm.onPiece(this.#world.nowMs, task, piece, from);
    if (!this.#world.scenario.hasReaders) return;
    const next = verified.firstMissing();
    this.swarm.readerAt(this.#world.nowMs, task, next < 0 ? undefined : next);
  }
}
