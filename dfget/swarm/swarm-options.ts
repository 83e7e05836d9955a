/** What can be set about a swarm. Times are milliseconds. */
export interface SwarmOptions {
  /** This node's own node key, a 32-bit hash of its id, the same wherever it is computed. */
  nodeKey: number;
  /** Upload slots at most; fewer are used while served pieces take long. */
  uploadSlots: number;
  /** Pieces fetched at the same time from neighbours, all tasks together. */
  downloadSlots: number;
  /** A task with so many pieces or fewer … */
  smallTaskPieces: number;
  /** … takes so many download slots at most. */
  smallTaskSlots: number;
  /** Offers of the seed accepted beyond the download slots. */
  offerExtraSlots: number;
  /** Neighbours per task at most; more are ignored. */
  neighboursMax: number;
  /** Pieces after the first missing one (or the reader) among which the rarest is chosen. */
  windowPieces: number;
  /** Pieces right after a waiting reader that go before anything rarer. */
  urgentPieces: number;
  /** Neighbours compared for each grant. */
  grantSample: number;
  /** How long new pieces of 1 MiB are collected before neighbours are told; shorter ones less, to a quarter. */
  haveDelayMs: number;
  /** Unanswered grants to one neighbour at most, where there are more neighbours than slots. */
  grantsPerNeighbour: number;
  /** A grant that is not answered for this long is taken back. */
  grantTimeoutMs: number;
  /** Grants kept while all download slots are taken, at most. */
  grantsHeld: number;
  /** Grants given beyond the upload slots, because some are not used. */
  grantsAhead: number;
  /** How long such a grant is kept, at most; well below `grantTimeoutMs`. */
  grantHoldMs: number;
  /** Time allowed for a piece while there are no figures yet, per MiB of a piece above 1 MiB. */
  firstTimeoutMs: number;
  /** Time allowed for a piece at least. */
  timeoutMinMs: number;
  /** Time allowed for a piece as a multiple of the 90 % quantile of recent pieces. */
  timeoutFactor: number;
  /** How long a late or failing source is left alone. */
  blockMs: number;
  /** With this many pieces missing or fewer, late ones are asked for twice. */
  endgamePieces: number;
  /** Nothing in flight for this long means starving. */
  starveMs: number;
  /** The longest gap between two starve messages. */
  starveMaxMs: number;
  /** How often running transfers and grants are looked at while there are any. */
  checkMs: number;
  /** How long nothing new has to be heard of before pieces are taken from the origin. */
  orphanQuietMs: number;
  /** Over how long the peers of one rank spread their first reads of the origin. */
  orphanSpreadMs: number;
  /** Bytes read from the origin in one run, about. */
  orphanRunBytes: number;
  /** Origin runs at the same time, per task. */
  orphanRuns: number;
  /** A claim that is not repeated for this long is void. */
  claimMs: number;
}

export const defaultSwarmOptions: Readonly<SwarmOptions> = {
  nodeKey: 0,
  uploadSlots: 6,
  downloadSlots: 6,
  smallTaskPieces: 64,
  smallTaskSlots: 3,
  offerExtraSlots: 2,
  neighboursMax: 96,
  windowPieces: 256,
  urgentPieces: 16,
  grantSample: 12,
  haveDelayMs: 2,
  grantsPerNeighbour: 1,
  grantTimeoutMs: 400,
  grantsHeld: 2,
  grantsAhead: 1,
  grantHoldMs: 100,
  firstTimeoutMs: 1500,
  timeoutMinMs: 200,
  timeoutFactor: 3,
  blockMs: 10_000,
  endgamePieces: 8,
  starveMs: 200,
  starveMaxMs: 5000,
  checkMs: 50,
  orphanQuietMs: 500,
  orphanSpreadMs: 300,
  orphanRunBytes: 4 * 1024 * 1024,
  orphanRuns: 2,
  claimMs: 3000,
};
