/** A run of pieces that we are reading from the origin. */
export interface OriginRun {
  readonly firstPiece: number;
  readonly pieceCount: number;
  /** Pieces of it that have not arrived. */
  readonly awaited: Set<number>;
  /** When something last came in. */
  lastMs: number;
  /** When the claim is to be repeated. */
  claimAtMs: number;
}

/** What is known of one block of pieces that may have to come from the origin. */
export interface OrphanBlock {
  /** When we read it ourselves unless somebody claims it; Infinity while it is not due. */
  dueMs: number;
  /** Until when somebody else's claim holds. */
  claimedUntilMs: number;
  /** Since when claims have been made for it without a piece of it appearing. */
  claimedSinceMs: number;
  /** The rank of the claim that holds. */
  claimRank: number;
}

/** The state of the orphan rule for one task. */
export class OrphanState {
  readonly blockPieces: number;
  readonly blocks = new Map<number, OrphanBlock>();
  readonly runs: OriginRun[] = [];
  /** The first missing pieces have been waited for long enough. */
  isActive = false;
  readonly quietMs: number;
  /** When the blocks are looked through next. */
  scanMs = 0;
  failures = 0;

  constructor(blockPieces: number, quietMs: number) {
    this.blockPieces = blockPieces;
    this.quietMs = quietMs;
  }

  block(index: number): OrphanBlock {
    let block = this.blocks.get(index);
    if (block === undefined) {
      block = { dueMs: Infinity, claimedUntilMs: 0, claimedSinceMs: Infinity, claimRank: -1 };
      this.blocks.set(index, block);
    }
    return block;
  }

  blockOf(piece: number): number {
    return Math.floor(piece / this.blockPieces);
  }

  runWith(piece: number): OriginRun | undefined {
    return this.runs.find((run) => run.awaited.has(piece));
  }
}

/** The place of a node in the order in which nodes are to read a block: the highest goes first. */
export function orphanRank(taskKey: number, block: number, nodeKey: number): number {
  return mix(mix(mix(taskKey) ^ block) ^ nodeKey);
}

/** A 32-bit integer hash in which every input bit reaches every output bit. */
function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad);
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97);
  return (hash ^ (hash >>> 15)) >>> 0;
}
