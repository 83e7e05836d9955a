/** What can be set about a scheduler. Times are milliseconds. */
export interface SchedulerOptions {
  /** Neighbours per member and task, about; a join is told half of them. */
  degree: number;
  /** Neighbours in other zones per stripe owner. */
  farDegree: number;
  /** Neighbours given to a starving member at a time. */
  starveNeighbours: number;
  /** Offers in flight are limited to this many pieces … */
  offerPieces: number;
  /** … plus what the seed sends in this time, about twice the delay to a peer. */
  offerAheadMs: number;
  /**
   * Offers in flight to one host at most. Half of what a peer takes at a time: when several end at
   * once, the next ones arrive while those are still being verified.
   */
  offersPerHost: number;
  /** A host that refused an offer gets none for this long. */
  refusalPauseMs: number;
  /** Up to this many members that lack pieces, the seed gives further copies when it would idle. */
  fewMembers: number;
  /** Speed assumed of the seed until `seedRate` is called. */
  seedBytesPerSecond: number;
  /** An offer whose end is not heard of for this long is void, while there are no figures yet. */
  offerTimeoutMs: number;
  /** With figures it is void after eight times the usual time, and this at least. */
  offerTimeoutMinMs: number;
  /** How often sentinels are asked while offered pieces are unconfirmed. */
  confirmEveryMs: number;
  /** A piece offered this long ago that no sentinel but its receiver holds is offered again. */
  confirmAfterMs: number;
  /** Sentinels asked each time, fewer of few members. */
  sentinels: number;
  /** Different accusers that put a host out. */
  badAfter: number;
  /** How long accusations count. */
  blameWindowMs: number;
  /** How long a host stays out the first time; each time after that twice as long. */
  banMs: number;
  /** The share of hosts that may be out for being slow or failing; corrupters do not count. */
  slowBanShareMax: number;
  /** A host that accuses more than this many others within the window, or had so many put out within an hour, is not believed. */
  accusationsMax: number;
}

export const defaultSchedulerOptions: Readonly<SchedulerOptions> = {
  degree: 24,
  farDegree: 6,
  starveNeighbours: 3,
  offerPieces: 8,
  offerAheadMs: 6,
  offersPerHost: 4,
  refusalPauseMs: 50,
  fewMembers: 3,
  seedBytesPerSecond: 125_000_000,
  offerTimeoutMs: 5000,
  offerTimeoutMinMs: 1000,
  confirmEveryMs: 500,
  confirmAfterMs: 600,
  sentinels: 3,
  badAfter: 2,
  blameWindowMs: 30_000,
  banMs: 30_000,
  slowBanShareMax: 0.2,
  accusationsMax: 16,
};
