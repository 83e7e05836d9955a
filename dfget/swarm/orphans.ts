import { Bitmap } from "../../protocol/bitmap.ts";
import type { Downloads } from "./downloads.ts";
import type { Link } from "./link.ts";
import type { Neighbourhood } from "./neighbourhood.ts";
import { orphanRank, OrphanState, type OriginRun, type OrphanBlock } from "./orphan-state.ts";
import type { SwarmContext } from "./swarm-context.ts";
import { ORIGIN, STRIPE_COUNT } from "./swarm-out.ts";
import type { TaskState } from "./task-state.ts";

const RUN_SILENT_MAX_MS = 60_000;
const CLAIM_TRUST_MAX_MS = 60_000;
const RETRY_MS = 1000;
const RETRY_MAX_MS = 30_000;
const RANK_STEPS_MAX = 8;
const STUCK_IN_ZONE_MS = 1500;
/** Holders from which nothing came for this long are not to be relied on. */
const STUCK_MS = 4000;

/**
 * What happens to pieces that nobody near holds when no supernode answers, or its seed only fails: they are dealt out among
 * the peers and read from the origin.
 *
 * Pieces go in blocks. For each block the peers in sight are ranked by a hash that all compute alike;
 * the first soon claims the block, the next ones later. A claim runs through the whole swarm in a
 * few milliseconds, far faster than the pieces do, and of two peers that claimed at once the lower
 * one stops. Claims lapse unless repeated, so that a peer that dies is followed by the next.
 */
export class Orphans {
  readonly #context: SwarmContext;
  readonly #downloads: Downloads;
  readonly #neighbourhood: Neighbourhood;

  constructor(context: SwarmContext, downloads: Downloads, neighbourhood: Neighbourhood) {
    this.#context = context;
    this.#downloads = downloads;
    this.#neighbourhood = neighbourhood;
  }

  /** Reads from the origin what is due. */
  check(nowMs: number, state: TaskState): void {
    if (state.orphans !== undefined) this.#checkRuns(nowMs, state, state.orphans);
    const isBroken = state.seedBrokenMs !== undefined;
    const isOn = state.isOrphan || this.#context.isSupernodeLost || isBroken;
    if (!isOn || state.isComplete) {
      // The claims stay known: a claim that is forgotten would be passed on again, and again.
      if (state.orphans !== undefined) state.orphans.isActive = false;
      return;
    }
    const orphans = (state.orphans ??= this.#begin(state));
    if (!orphans.isActive) orphans.isActive = this.#isQuiet(nowMs, state, orphans);
    if (!orphans.isActive || nowMs < orphans.scanMs) return;
    this.#openZones(nowMs, state);
    orphans.scanMs = nowMs + this.#context.options.checkMs;
    // A random-access reader waits for these, so their blocks come first.
    for (const piece of state.wanted) this.#considerBlock(nowMs, state, orphans.blockOf(piece));
    if (state.isPart) return;
    const last = orphans.blockOf(state.have.length - 1);
    const first = orphans.blockOf(state.cursor);
    const start = Math.max(first, orphans.blockOf(state.reader ?? 0));
    for (let index = start; index <= last; index++) this.#considerBlock(nowMs, state, index);
    for (let index = first; index < start; index++) this.#considerBlock(nowMs, state, index);
  }

  /** Somebody claims a run; the claim is passed on if it is news. */
  claimed(nowMs: number, from: Link, firstPiece: number, pieceCount: number, owner: number): void {
    const { state } = from;
    if (!state.isPiece(firstPiece) || !state.isPiece(firstPiece + pieceCount - 1)) return;
    if (pieceCount < 1 || !Number.isInteger(owner) || owner === this.#context.options.nodeKey)
      return;
    const orphans = (state.orphans ??= this.#begin(state));
    const index = orphans.blockOf(firstPiece);
    if (pieceCount > orphans.blockPieces) return;
    const block = orphans.block(index);
    if (nowMs - block.claimedSinceMs > CLAIM_TRUST_MAX_MS) return;
    const rank = orphanRank(state.key, index, owner);
    const own = orphans.runs.find((run) => orphans.blockOf(run.firstPiece) === index);
    if (own !== undefined) {
      if (rank <= orphanRank(state.key, index, this.#context.options.nodeKey)) return;
      this.#context.out.abort(ORIGIN, state.task, own.firstPiece);
      orphans.runs.splice(orphans.runs.indexOf(own), 1);
    }
    const { claimMs } = this.#context.options;
    const isHigher = nowMs >= block.claimedUntilMs || rank > block.claimRank;
    const isRenewed = rank === block.claimRank && block.claimedUntilMs - nowMs < 0.6 * claimMs;
    if (!isHigher && !isRenewed) return;
    block.claimedUntilMs = nowMs + claimMs;
    block.claimedSinceMs = Math.min(block.claimedSinceMs, nowMs);
    block.claimRank = rank;
    block.dueMs = Infinity;
    this.#tell(state, firstPiece, pieceCount, owner, from);
  }

  /** A piece is held now, from wherever. */
  arrived(nowMs: number, state: TaskState, piece: number): void {
    const { orphans } = state;
    if (orphans === undefined) return;
    const block = orphans.blocks.get(orphans.blockOf(piece));
    if (block !== undefined) block.claimedSinceMs = Infinity;
    const run = orphans.runWith(piece);
    if (run === undefined) return;
    run.awaited.delete(piece);
    run.lastMs = nowMs;
    orphans.failures = 0;
    if (run.awaited.size === 0) {
      orphans.runs.splice(orphans.runs.indexOf(run), 1);
      orphans.scanMs = nowMs;
      this.#context.wake(nowMs);
    }
  }

  /** The origin did not give this piece: its run is over and is tried again later, by somebody. */
  failed(nowMs: number, state: TaskState, piece: number): void {
    const run = state.orphans?.runWith(piece);
    if (run !== undefined) this.#endFailed(nowMs, state.orphans!, run);
  }

  /** Stops every run of the task; claims stay known. */
  stop({ task, orphans }: TaskState): void {
    for (const { firstPiece } of orphans?.runs.splice(0) ?? []) {
      this.#context.out.abort(ORIGIN, task, firstPiece);
    }
  }

  /** Stops every run of the task, and forgets what was known of others'. */
  abortAll(state: TaskState): void {
    this.stop(state);
    state.orphans = undefined;
  }

  #begin(state: TaskState): OrphanState {
    const { options, random } = this.#context;
    const pieces = Math.max(1, Math.floor(options.orphanRunBytes / state.pieceLengthBytes));
    return new OrphanState(pieces, options.orphanQuietMs + random() * options.orphanSpreadMs);
  }

  /** Pieces may still be on their way through the swarm; while they are, the origin is left alone. */
  #isQuiet(nowMs: number, state: TaskState, orphans: OrphanState): boolean {
    const { isSupernodeLost, supernodeLostMs } = this.#context;
    const brokenMs = (isSupernodeLost ? supernodeLostMs : undefined) ?? state.seedBrokenMs;
    const lostMs = state.isOrphan ? state.openedMs : (brokenMs ?? nowMs);
    return nowMs - Math.max(state.newsMs, lostMs) >= orphans.quietMs;
  }

  #considerBlock(nowMs: number, state: TaskState, index: number): void {
    const { options, random } = this.#context;
    const orphans = state.orphans!;
    if (orphans.runs.length >= options.orphanRuns) return;
    const start = index * orphans.blockPieces;
    const end = Math.min(state.have.length, start + orphans.blockPieces);
    let first = start;
    while (first < end && !this.#isOrphaned(nowMs, state, first)) first++;
    if (first >= end) return;
    const block = orphans.block(index);
    if (this.#isClaimed(nowMs, block)) return;
    if (block.dueMs === Infinity) {
      const steps = this.#stepsBehind(state, index);
      block.dueMs = steps < 0 ? nowMs : nowMs + options.orphanSpreadMs * (steps + random());
    }
    if (nowMs < block.dueMs) {
      orphans.scanMs = Math.min(orphans.scanMs, block.dueMs);
      this.#context.wake(block.dueMs);
      return;
    }
    block.dueMs = Infinity;
    let pieceCount = 1;
    while (first + pieceCount < end && this.#isOrphaned(nowMs, state, first + pieceCount))
      pieceCount++;
    this.#read(nowMs, state, first, pieceCount);
  }

  #isClaimed(nowMs: number, block: OrphanBlock): boolean {
    if (nowMs - block.claimedSinceMs > CLAIM_TRUST_MAX_MS) return false;
    return nowMs < block.claimedUntilMs;
  }

  /** Neither we nor anybody in sight who can be relied on holds it, and it is not on its way to us. */
  #isOrphaned(nowMs: number, state: TaskState, piece: number): boolean {
    if (state.have.has(piece) || (state.isPart && !state.wanted.includes(piece))) return false;
    const isExpected = state.flying.has(piece) || state.holders[piece]! > 0;
    if (isExpected && !this.#downloads.isDry(nowMs, state, STUCK_MS)) return false;
    return state.orphans!.runWith(piece) === undefined;
  }

  /** Nobody is left to say who brings a stripe into this zone: who gets nothing helps itself. */
  #openZones(nowMs: number, state: TaskState): void {
    if (state.imports?.isFull !== false || !this.#downloads.isDry(nowMs, state, STUCK_IN_ZONE_MS))
      return;
    this.#neighbourhood.setStripes(nowMs, state, Bitmap.full(STRIPE_COUNT));
  }

  /** How many peers in sight rank before us for the block, bounded; -1 when we are alone. */
  #stepsBehind(state: TaskState, index: number): number {
    const own = orphanRank(state.key, index, this.#context.options.nodeKey);
    let steps = 0;
    let isAlone = true;
    for (const link of state.links.values()) {
      if (!link.heard) continue;
      isAlone = false;
      if (orphanRank(state.key, index, link.nodeKey) > own) steps += 1;
    }
    return isAlone ? -1 : Math.min(steps, RANK_STEPS_MAX);
  }

  #read(nowMs: number, state: TaskState, firstPiece: number, pieceCount: number): void {
    const { options, out } = this.#context;
    const awaited = new Set<number>();
    for (let i = 0; i < pieceCount; i++) awaited.add(firstPiece + i);
    const claimAtMs = nowMs + options.claimMs / 2;
    state.orphans!.runs.push({ firstPiece, pieceCount, awaited, lastMs: nowMs, claimAtMs });
    out.requestOrigin(state.task, firstPiece, pieceCount);
    this.#tell(state, firstPiece, pieceCount, options.nodeKey, undefined);
    this.#context.wakeForCheck(nowMs);
  }

  #checkRuns(nowMs: number, state: TaskState, orphans: OrphanState): void {
    const { options, out } = this.#context;
    for (let i = orphans.runs.length - 1; i >= 0; i--) {
      const run = orphans.runs[i]!;
      if (nowMs - run.lastMs > RUN_SILENT_MAX_MS) {
        out.abort(ORIGIN, state.task, run.firstPiece);
        this.#endFailed(nowMs, orphans, run);
      } else if (nowMs >= run.claimAtMs) {
        run.claimAtMs = nowMs + options.claimMs / 2;
        this.#tell(state, run.firstPiece, run.pieceCount, options.nodeKey, undefined);
      }
    }
  }

  #endFailed(nowMs: number, orphans: OrphanState, run: OriginRun): void {
    orphans.runs.splice(orphans.runs.indexOf(run), 1);
    orphans.failures += 1;
    const delayMs = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** Math.min(orphans.failures - 1, 5));
    const block = orphans.block(orphans.blockOf(run.firstPiece));
    block.dueMs = nowMs + delayMs * (1 + this.#context.random());
    this.#context.wake(block.dueMs);
  }

  #tell(
    state: TaskState,
    firstPiece: number,
    pieceCount: number,
    owner: number,
    except: Link | undefined,
  ): void {
    const hosts = [];
    for (const link of state.links.values()) if (link !== except) hosts.push(link.host);
    if (hosts.length > 0) this.#context.out.claim(hosts, state.task, firstPiece, pieceCount, owner);
  }
}
