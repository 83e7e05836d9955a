import { Bitmap } from "../../protocol/bitmap.ts";
import { ORIGIN, SEED, Swarm, type SwarmOut } from "../../dfget/swarm/swarm.ts";
import { defaultSwarmOptions } from "../../dfget/swarm/swarm.ts";
import { Cable } from "./flow-network.ts";
import { PieceServer, type Transfer } from "./piece-server.ts";
import { pieceBytes, pieceCount, bytesPerMs, MIB } from "./scenario.ts";
import { SimulationError } from "./simulation-error.ts";
import type { World } from "./world.ts";

const SILENT_RECEIVER_MS = 2000;

/** What a peer suffers from. */
export interface PeerFaults {
  readonly isSlow: boolean;
  readonly isStaller: boolean;
  readonly isCorrupter: boolean;
}

interface Upload {
  readonly to: PeerNode;
  readonly task: number;
  isOver: boolean;
  cancel: () => void;
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
  /** When the first piece was stored; 0 before. */
  firstMs = 0;
  joinedMs = 0;
  isAlive = true;
  corruptReceived = 0;
  readonly #world: World;
  readonly #transfers = new Map<string, Transfer>();
  readonly #uploads = new Set<Upload>();
  #nextTask = 0;

  constructor(world: World, host: number, nodeKey: number, zone: number, faults: PeerFaults) {
    this.#world = world;
    this.host = host;
    this.nodeKey = nodeKey;
    this.zone = zone;
    this.faults = faults;
    const { scenario } = world;
    const rate = bytesPerMs(scenario.mbit) * (faults.isSlow ? scenario.faults.slowFactor : 1);
    this.up = new Cable(rate);
    this.down = new Cable(rate);
    this.server = new PieceServer(world.network, this.up, scenario.isPaced);
    this.swarm = new Swarm({ ...scenario.swarm, nodeKey }, this.#out(), world.random);
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
    for (const transfer of this.#transfers.values()) transfer.cancel();
    this.#transfers.clear();
    if (!isLoud) this.server.freeze();
    for (const upload of this.#uploads) {
      if (isLoud) upload.cancel();
      upload.isOver = true;
    }
    this.#uploads.clear();
  }

  /** A request of a neighbour arrives. `answer` is called with how it ends, a good while later. */
  serve(
    to: PeerNode,
    task: number,
    piece: number,
    answer: (end: "good" | "corrupt" | "busy" | "failed") => void,
  ): Transfer | undefined {
    const world = this.#world;
    if (!this.isAlive) return undefined;
    if (this.verified.get(task)?.has(piece) !== true) {
      throw new SimulationError(`peer ${to.host} asked ${this.host} for a piece it never had`);
    }
    if (!this.swarm.onUploadStart(world.nowMs, to.host, task)) {
      answer("busy");
      return undefined;
    }
    const startMs = world.nowMs;
    const upload: Upload = { to, task, isOver: false, cancel: () => {} };
    this.#uploads.add(upload);
    this.#checkUploads();
    const stalls = this.faults.isStaller && world.random() < world.scenario.faults.stallChance;
    const length = pieceBytes(world.scenario.tasks[task]!, piece);
    const sending = this.server.send(world.path(this, to), length, stalls, () => {
      this.#endUpload(upload, world.nowMs - startMs);
      answer(this.faults.isCorrupter ? "corrupt" : "good");
    });
    upload.cancel = () => {
      sending.cancel();
      answer("failed");
    };
    return {
      cancel: () => {
        sending.cancel();
        const delayMs = world.silent.has(to) ? SILENT_RECEIVER_MS : world.latencyMs(this, to);
        world.events.after(delayMs, () => this.#endUpload(upload, -1));
      },
    };
  }

  /** The supernode offers a piece. */
  offered(task: number, piece: number): void {
    if (this.isAlive) this.swarm.onOffer(this.#world.nowMs, task, piece);
  }

  #endUpload(upload: Upload, durationMs: number): void {
    if (upload.isOver) return;
    upload.isOver = true;
    this.#uploads.delete(upload);
    if (this.isAlive) {
      this.swarm.onUploadEnd(this.#world.nowMs, upload.to.host, upload.task, durationMs);
    }
  }

  #checkUploads(): void {
    const max = this.#world.scenario.swarm.uploadSlots ?? defaultSwarmOptions.uploadSlots;
    let count = 0;
    // What goes to a peer whose socket is closed ends by itself and is no longer counted.
    for (const upload of this.#uploads) if (this.connected.has(upload.to)) count += 1;
    if (count > max) {
      throw new SimulationError(`peer ${this.host} sends ${count} pieces at a time`);
    }
  }

  #start(from: number, task: number, piece: number): void {
    const world = this.#world;
    const key = `${from}/${task}/${piece}`;
    if (this.#transfers.has(key)) throw new SimulationError(`${key} was requested twice at once`);
    let inner: Transfer | undefined;
    let isOver = false;
    this.#transfers.set(key, {
      cancel: () => {
        isOver = true;
        inner?.cancel();
      },
    });
    this.#checkDownloads();
    const source = from === SEED ? undefined : world.peers[from]!;
    const delayMs = source === undefined ? world.scenario.controlMs : world.latencyMs(this, source);
    const answer = (end: "good" | "corrupt" | "busy" | "failed"): void => {
      const length = pieceBytes(world.scenario.tasks[task]!, piece);
      const verifyMs = end === "busy" ? 0 : (world.scenario.verifyMsPerMib * length) / MIB;
      world.events.after(delayMs + verifyMs, () => {
        if (isOver) return;
        isOver = true;
        this.#transfers.delete(key);
        if (end === "good") this.#store(task, piece, from);
        else this.#fail(task, piece, from, end);
      });
    };
    world.events.after(delayMs + world.scenario.requestMs, () => {
      if (isOver) return;
      if (source === undefined) inner = world.supernode.serve(this, task, piece, answer);
      else if (source.isAlive) inner = source.serve(this, task, piece, answer);
      else if (!world.silent.has(source)) answer("failed");
    });
  }

  #fail(task: number, piece: number, from: number, end: "corrupt" | "busy" | "failed"): void {
    if (end === "corrupt") this.corruptReceived += 1;
    this.swarm.onPieceFailed(this.#world.nowMs, task, piece, from, end);
  }

  #checkDownloads(): void {
    const options = { ...defaultSwarmOptions, ...this.#world.scenario.swarm };
    let count = 0;
    for (const key of this.#transfers.keys()) if (!key.startsWith(`${ORIGIN}/`)) count += 1;
    if (count > options.downloadSlots + options.offerExtraSlots) {
      throw new SimulationError(`peer ${this.host} fetches ${count} pieces at a time`);
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

  #readOrigin(task: number, firstPiece: number, count: number): void {
    const world = this.#world;
    const key = `${ORIGIN}/${task}/${firstPiece}`;
    let inner: Transfer | undefined;
    let isOver = false;
    this.#transfers.set(key, {
      cancel: () => {
        isOver = true;
        inner?.cancel();
      },
    });
    const fails = world.random() < world.scenario.faults.originFails;
    const next = (piece: number): void => {
      if (isOver) return;
      if (piece === firstPiece + count || fails) {
        this.#transfers.delete(key);
        if (fails) this.#fail(task, piece, ORIGIN, "failed");
        return;
      }
      const length = pieceBytes(world.scenario.tasks[task]!, piece);
      inner = world.origin.send([world.origin.uplink, this.down], length, false, () => {
        if (isOver) return;
        if (piece + 1 === firstPiece + count) this.#transfers.delete(key);
        this.#store(task, piece, ORIGIN);
        next(piece + 1);
      });
    };
    world.events.after(2 * world.scenario.controlMs, () => next(firstPiece));
  }

  #out(): SwarmOut {
    const world = this.#world;
    return {
      hello: (to, task, have, free, ageMs, wants) => {
        const map = have.clone();
        const mask = wants?.clone();
        world.send(this, to, (peer) =>
          peer.swarm.onHello(world.nowMs, this.host, task, map, free, ageMs, mask),
        );
      },
      have: (to, task, pieces, free) => {
        for (const piece of pieces) this.#checkVerified(task, piece);
        world.sendAll(this, to, (peer) =>
          peer.swarm.onHave(world.nowMs, this.host, task, pieces, free),
        );
      },
      grant: (to, task) =>
        world.send(this, to, (peer) => peer.swarm.onGrant(world.nowMs, this.host, task)),
      decline: (to, task, reason, free) =>
        world.send(this, to, (peer) =>
          peer.swarm.onDecline(world.nowMs, this.host, task, reason, free),
        ),
      request: (from, task, piece) => this.#start(from, task, piece),
      abort: (from, task, piece) => {
        const key = `${from}/${task}/${piece}`;
        this.#transfers.get(key)?.cancel();
        this.#transfers.delete(key);
      },
      requestOrigin: (task, first, count) => this.#readOrigin(task, first, count),
      claim: (to, task, first, count, owner) =>
        world.sendAll(this, to, (peer) =>
          peer.swarm.onClaim(world.nowMs, this.host, task, first, count, owner),
        ),
      refuseOffer: (task, piece) => world.supernode.refused(this, task, piece),
      blame: (task, host, _piece, reason) => world.supernode.blamed(this, task, host, reason),
      starve: (task) => world.supernode.starving(this, task),
      complete: (task) => {
        this.doneMs.set(task, world.nowMs);
        world.supernode.tellProgress(this, task);
        world.events.after(0, () => this.begin());
      },
      wake: (atMs) =>
        world.events.at(atMs, () => {
          if (this.isAlive) this.swarm.tick(world.nowMs);
        }),
    };
  }

  #checkVerified(task: number, piece: number): void {
    if (this.verified.get(task)?.has(piece) === true) return;
    throw new SimulationError(
      `peer ${this.host} announced piece ${piece} that it has not verified`,
    );
  }
}
