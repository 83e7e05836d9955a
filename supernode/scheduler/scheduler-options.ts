/** What can be set about a scheduler. Times are milliseconds. */
export interface SchedulerOptions {
  /** Neighbours per member and task, about; a join is told half of them. */
  degree: number;
  /** Neighbours in other zones per stripe owner. */
  farDegree: number;
  /** Neighbours given to a starving member at a time. */
  starveNeighbours: number;
  /** Offers in flight per task never go below this many pieces … */
  offerPiecesMin: number;
  /** … and are else limited to what the seed sends in this time. */
  offerAheadMs: number;
  /** Speed assumed of the seed until `seedRate` is called. */
  seedBytesPerSecond: number;
  /** An offer whose end is not heard of for this long is void, longer where the seed is slow. */
  offerTimeoutMs: number;
  /** How often sentinels are asked while offered pieces are unconfirmed. */
  confirmEveryMs: number;
  /** A piece offered this long ago that no sentinel but its receiver holds is offered again. */
  confirmAfterMs: number;
  /** Sentinels asked each time. */
  sentinels: number;
  /** Different accusers that put a host out. */
  badAfter: number;
  /** How long accusations count. */
  blameWindowMs: number;
  /** How long a host stays out. */
  banMs: number;
}

export const defaultSchedulerOptions: Readonly<SchedulerOptions> = {
  degree: 24,
  farDegree: 6,
  starveNeighbours: 3,
  offerPiecesMin: 8,
  offerAheadMs: 6,
  seedBytesPerSecond: 125_000_000,
  offerTimeoutMs: 5000,
  confirmEveryMs: 500,
  confirmAfterMs: 1000,
  sentinels: 8,
  badAfter: 2,
  blameWindowMs: 30_000,
  banMs: 30_000,
};
