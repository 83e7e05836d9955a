/** The longest time without use that a bucket makes up for; covers timers that come late. */
const CREDIT_US = 100_000n;
/** What passes at once is as much as this time allows. */
const SLICE_SECONDS = 0.02;
const SLICE_LENGTH_BYTES_MIN = 4096;

const RATE = 0;
const DUE_US = 1;

/** Microseconds of a clock that all threads of a process share. */
function monotonicUs(): bigint {
  return process.hrtime.bigint() / 1000n;
}

/**
 * Limits a rate of bytes, in all threads that share its memory: who moved bytes says so and is told how long to wait before
 * he moves more. The rate may change at any time.
 */
export class TokenBucket {
  /** Given to the constructor in another thread, makes a bucket that is the same. */
  readonly memory: SharedArrayBuffer;
  readonly #state: BigInt64Array;
  readonly #nowUs: () => bigint;

  /** `nowUs` is a monotonic clock of microseconds. */
  constructor(memory = new SharedArrayBuffer(16), nowUs: () => bigint = monotonicUs) {
    this.memory = memory;
    this.#state = new BigInt64Array(memory);
    this.#nowUs = nowUs;
  }

  /** 0 for no limit. */
  get bytesPerSecond(): number {
    return Number(Atomics.load(this.#state, RATE));
  }

  set bytesPerSecond(value: number) {
    const before = Atomics.exchange(this.#state, RATE, BigInt(Math.round(value)));
    if (before === BigInt(Math.round(value))) return;
    // Debts of another rate would be paid too late, or too early.
    const nowUs = this.#nowUs();
    const dueUs = Atomics.load(this.#state, DUE_US);
    const debtUs = dueUs > nowUs && before > 0n ? dueUs - nowUs : 0n;
    const scaledUs = value > 0 ? (debtUs * before) / BigInt(Math.round(value)) : 0n;
    Atomics.store(this.#state, DUE_US, nowUs + scaledUs);
  }

  /** Notes that bytes were moved; returns the milliseconds until more may be. */
  take(lengthBytes: number): number {
    const rate = Atomics.load(this.#state, RATE);
    if (rate === 0n) return 0;
    const costUs = (BigInt(lengthBytes) * 1_000_000n) / rate;
    const nowUs = this.#nowUs();
    for (;;) {
      const before = Atomics.load(this.#state, DUE_US);
      const startUs = before < nowUs - CREDIT_US ? nowUs - CREDIT_US : before;
      const dueUs = startUs + costUs;
      if (Atomics.compareExchange(this.#state, DUE_US, before, dueUs) !== before) continue;
      return dueUs > nowUs ? Number(dueUs - nowUs) / 1000 : 0;
    }
  }

  /** How many bytes should be moved at once, at most `lengthBytesMax`, for the rate to be even. */
  sliceBytes(lengthBytesMax: number): number {
    const rate = this.bytesPerSecond;
    if (rate === 0) return lengthBytesMax;
    const sliceBytes = Math.max(SLICE_LENGTH_BYTES_MIN, Math.round(rate * SLICE_SECONDS));
    return Math.min(lengthBytesMax, sliceBytes);
  }
}

/** The lowest of some rates, of which 0 stands for no limit. */
export function lowestRate(...bytesPerSecond: readonly number[]): number {
  const limits = bytesPerSecond.filter((rate) => rate > 0);
  return limits.length === 0 ? 0 : Math.min(...limits);
}

/** The least that somebody is expected to send or take each second, where a limit may be in his way. */
export function patientRate(rateMinBytesPerSecond: number, limitBytesPerSecond: number): number {
  if (limitBytesPerSecond === 0) return rateMinBytesPerSecond;
  // Up to so many transfers share the limit.
  return Math.max(1, Math.min(rateMinBytesPerSecond, limitBytesPerSecond / 64));
}
