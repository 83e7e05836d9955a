import { lowestRate, TokenBucket } from "../../platform/token-bucket.ts";

/** How fast a node may move pieces. 0 stands for no limit. */
export interface RateLimitValues {
  /** To all other nodes together. */
  readonly uploadBytesPerSecond: number;
  /** From the seed, peers and origins together. */
  readonly downloadBytesPerSecond: number;
  /** The same for each task. */
  readonly taskDownloadBytesPerSecond: number;
}

export const NO_LIMITS: RateLimitValues = {
  uploadBytesPerSecond: 0,
  downloadBytesPerSecond: 0,
  taskDownloadBytesPerSecond: 0,
};

/** What a task that is open is limited by. */
interface LimitedTask {
  readonly bucket: TokenBucket;
  /** What its readers asked for. */
  readonly askedBytesPerSecond: number;
}

/** The limits of a node's rates, which may change while it runs. */
export class RateLimits {
  readonly upload = new TokenBucket();
  readonly download = new TokenBucket();
  readonly #tasks: () => Iterable<LimitedTask>;
  #values: RateLimitValues = NO_LIMITS;

  /** `tasks` are those that are open. */
  constructor(values: RateLimitValues, tasks: () => Iterable<LimitedTask>) {
    this.#tasks = tasks;
    this.set(values);
  }

  get values(): RateLimitValues {
    return this.#values;
  }

  /** Changes the limits that are named, for what is under way too. */
  set(values: Partial<RateLimitValues>): void {
    this.#values = { ...this.#values, ...values };
    this.upload.bytesPerSecond = this.#values.uploadBytesPerSecond;
    this.download.bytesPerSecond = this.#values.downloadBytesPerSecond;
    for (const task of this.#tasks()) this.apply(task);
  }

  /** Sets a task's bucket to what it is limited to now. */
  apply({ bucket, askedBytesPerSecond }: LimitedTask): void {
    bucket.bytesPerSecond = lowestRate(
      askedBytesPerSecond,
      this.#values.taskDownloadBytesPerSecond,
    );
  }

  /** Milliseconds to wait after bytes of a task were read. */
  received(task: LimitedTask, lengthBytes: number): number {
    return Math.max(this.download.take(lengthBytes), task.bucket.take(lengthBytes));
  }
}
