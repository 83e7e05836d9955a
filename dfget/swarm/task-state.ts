import { Bitmap } from "../../protocol/bitmap.ts";
import { Link } from "./link.ts";
import type { OrphanState } from "./orphan-state.ts";
import { PieceTimes } from "./piece-times.ts";
import type { Host, Task } from "./swarm-out.ts";

/** A piece that is being fetched. */
export interface Flight {
  readonly piece: number;
  readonly from: Host;
  readonly startMs: number;
}

/** What a peer knows of one task. Holds facts only; the decisions are made elsewhere. */
export class TaskState {
  readonly task: Task;
  readonly key: number;
  readonly pieceLengthBytes: number;
  readonly openedMs: number;
  readonly have: Bitmap;
  /** The part of `have` that neighbours were told of: what they can ask us for. */
  readonly announced: Bitmap;
  /** Pieces in flight. */
  readonly flying: Bitmap;
  readonly flights: Flight[] = [];
  readonly links = new Map<Host, Link>();
  readonly times = new PieceTimes();
  readonly seedTimes = new PieceTimes();
  /** Per piece, how many neighbours have it. */
  holders: Uint16Array;
  /** The stripes that we fetch from other zones; none before the supernode named some. */
  imports: Bitmap | undefined;
  /** The first piece missing. */
  cursor = 0;
  reader: number | undefined;
  wanted: number[] = [];
  /** Only what is wanted is fetched. */
  isPart = false;
  /** In such a task: when and how often the supernode was asked for a wanted piece. */
  readonly asked = new Map<number, { readonly atMs: number; readonly count: number }>();
  /** In such a task: pieces that the seed offered while no slot was free. */
  readonly offered = new Set<number>();
  /** Transfers from the seed that failed since the last one that did not. */
  seedFailures = 0;
  /** Since when the seed fails again and again; undefined while it does not. */
  seedBrokenMs: number | undefined;
  /** When it failed last. */
  seedFailedMs = -Infinity;
  /** Pieces that neighbours have not been told of. */
  news: number[] = [];
  /** When neighbours are told next; Infinity when there is nothing to tell. */
  announceAtMs = Infinity;
  /** The next announcement asks for grants, also those who were told that they have nothing for us. */
  asksAgain = false;
  /** Upload slots taken by grants and uploads of this task. */
  slotsGiven = 0;
  /** Somebody was told that we have no free slot. */
  toldFull = false;
  /** When a piece last came from a neighbour or the seed, or was last likely to. */
  drySinceMs: number;
  /** When the supernode was last told that nothing comes in, and how long until it may be told again. */
  starvedMs = -Infinity;
  starveGapMs = 0;
  /** When we or a neighbour last got something new. */
  newsMs: number;
  saidComplete = false;
  isOrphan = false;
  orphans: OrphanState | undefined;

  constructor(task: Task, key: number, pieceLengthBytes: number, have: Bitmap, nowMs: number) {
    this.task = task;
    this.key = key;
    this.pieceLengthBytes = pieceLengthBytes;
    this.have = have;
    this.announced = have.clone();
    this.flying = new Bitmap(have.length);
    this.holders = new Uint16Array(have.length);
    this.openedMs = nowMs;
    this.drySinceMs = nowMs;
    this.newsMs = nowMs;
    this.moveCursor();
  }

  /** Every piece known of is held. A task of unknown length is not complete. */
  get isComplete(): boolean {
    return this.have.isFull && this.have.length > 0;
  }

  get missing(): number {
    return this.have.length - this.have.count;
  }

  isPiece(piece: number): boolean {
    return Number.isInteger(piece) && piece >= 0 && piece < this.have.length;
  }

  /** Sets `cursor` to the first missing piece, or to the end. */
  moveCursor(): void {
    const first = this.have.firstMissing(this.cursor);
    this.cursor = first < 0 ? this.have.length : first;
  }

  grow(pieceCount: number): void {
    const before = this.have.length;
    this.have.grow(pieceCount);
    this.announced.grow(pieceCount);
    this.flying.grow(pieceCount);
    const holders = new Uint16Array(pieceCount);
    holders.set(this.holders);
    this.holders = holders;
    for (const link of this.links.values()) {
      if (link.have.length < pieceCount) link.have.grow(pieceCount);
      let piece = link.have.firstPresent(before);
      while (piece >= 0 && piece < pieceCount) {
        holders[piece]! += 1;
        piece = link.have.firstPresent(piece + 1);
      }
    }
    this.moveCursor();
  }

  /** Adds (+1) or takes away (-1) what a link holds from the counts of holders. */
  countHolder(link: Link, by: 1 | -1): void {
    const pieceCount = this.have.length;
    let piece = link.have.firstPresent();
    while (piece >= 0 && piece < pieceCount) {
      this.holders[piece]! += by;
      piece = link.have.firstPresent(piece + 1);
    }
  }

  /** The flight of this piece from this source, as an index into `flights`, or -1. */
  flightIndex(piece: number, from: Host): number {
    return this.flights.findIndex((flight) => flight.piece === piece && flight.from === from);
  }
}
