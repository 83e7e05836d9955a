import type { Bitmap } from "../../protocol/bitmap.ts";
import type { Cable } from "./flow-network.ts";
import type { PeerNode } from "./peer-node.ts";
import { pieceBytes, pieceCount } from "./scenario.ts";
import { SimulationError } from "./simulation-error.ts";
import type { World } from "./world.ts";

/** What reading a task needs from the process that reads it. */
export interface DiskReader {
  /** Whether that process still runs. */
  isCurrent(): boolean;
  /** The pieces that need not be read. */
  held(): Bitmap;
  /** A piece is on the disk. */
  ready(piece: number): void;
}

/** The pieces that the seed has read from the origin; they outlive the process. */
export class SeedDisk {
  readonly #world: World;
  readonly #down: Cable;
  readonly #pieces = new Map<number, Set<number>>();
  /** Who is reading which task. */
  readonly #readers = new Map<number, DiskReader>();
  /** Since a restart, per task, what each peer said that it holds. */
  #told: Map<number, Map<PeerNode, Bitmap>> | undefined;

  constructor(world: World, down: Cable) {
    this.#world = world;
    this.#down = down;
  }

  get tasks(): Iterable<number> {
    return this.#pieces.keys();
  }

  has(task: number, piece: number): boolean {
    return this.#pieces.get(task)!.has(piece);
  }

  pieces(task: number): Iterable<number> {
    return this.#pieces.get(task)!;
  }

  /** Makes room for a task; false if it has some already. */
  open(task: number): boolean {
    if (this.#pieces.has(task)) return false;
    this.#pieces.set(task, new Set());
    return true;
  }

  /** The process begins anew and knows nothing of the peers. */
  restarted(): void {
    this.#told = new Map();
  }

  /** A peer says what it holds. */
  told(task: number, peer: PeerNode, have: Bitmap): void {
    if (this.#told === undefined) return;
    let peers = this.#told.get(task);
    if (peers === undefined) this.#told.set(task, (peers = new Map()));
    peers.set(peer, have);
  }

  /** What a host says does not count any more. */
  distrust(host: number): void {
    for (const peers of this.#told?.values() ?? []) {
      for (const peer of peers.keys()) if (peer.host === host) peers.delete(peer);
    }
  }

  /** Reads from the origin what neither the disk nor a peer has, in order; not while it does that already. */
  read(task: number, reader: DiskReader): void {
    if (this.#readers.get(task)?.isCurrent() === true) return;
    this.#readers.set(task, reader);
    const world = this.#world;
    const pieces = this.#pieces.get(task)!;
    const info = world.scenario.tasks[task]!;
    const path = [world.origin.uplink, this.#down];
    let lastRead = NaN;
    const next = (first: number): void => {
      if (!reader.isCurrent()) return;
      const held = reader.held();
      let piece = first;
      while (piece < pieceCount(info) && (pieces.has(piece) || held.has(piece))) piece += 1;
      if (piece === pieceCount(info)) {
        this.#readers.delete(task);
        return;
      }
      this.#check(task, piece);
      // What is next to each other is one request.
      if (piece !== lastRead + 1) world.originRequests += 1;
      lastRead = piece;
      world.origin.send(path, pieceBytes(info, piece), false, () => {
        if (!reader.isCurrent()) return;
        pieces.add(piece);
        reader.ready(piece);
        next(piece + 1);
      });
    };
    next(0);
  }

  /** Nothing is read that a live peer is known to hold and gives away. */
  #check(task: number, piece: number): void {
    for (const [peer, have] of this.#told?.get(task) ?? []) {
      const isUseless = !peer.isAlive || peer.faults.isCorrupter || peer.faults.isStaller;
      if (isUseless || !have.has(piece)) continue;
      throw new SimulationError(
        `the seed read piece ${piece} of task ${task} from the origin at ${this.#world.nowMs} ms, ` +
          `although peer ${peer.host} had told that it holds it`,
      );
    }
  }
}
