import type { Clock } from "../../platform/clock.ts";
import type { ExitCode } from "../../platform/user-error.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import type { DeliveryPace } from "./delivery-pace.ts";
import type { DownloadEngine } from "./download-engine.ts";
import type { DownloadPlan } from "./download-plan.ts";
import { downloadFile } from "./file-download.ts";
import type { Receiver } from "./receive-download.ts";
import type { BatchSummary, Reporter } from "./reporter.ts";
import { NOTHING_DONE } from "./reporter.ts";
import type { Target } from "./target-file.ts";

/** Where one file comes from and where it goes. */
export interface BegunFile {
  readonly engine: DownloadEngine;
  readonly target: Target;
  /** Gives what an earlier run has left of the file to a receiver. */
  restore?(receiver: Receiver): Promise<void>;
}

export interface BatchDeps {
  readonly reporter: Reporter;
  readonly clock: Clock;
  readonly pace: DeliveryPace;
  readonly retries: number;
  /** How many files at once. */
  readonly parallel: number;
  begin(plan: DownloadPlan, signal: AbortSignal): Promise<BegunFile>;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Downloads the files of one call, some at a time. A file that fails does not keep the others from coming. */
export class DownloadBatch {
  readonly #deps: BatchDeps;
  readonly #exitCodes = new Set<ExitCode>();
  readonly #sum: Mutable<BatchSummary> = { ...NOTHING_DONE };

  constructor(deps: BatchDeps) {
    this.#deps = deps;
  }

  /**
   * Resolves when every file is in its place. Throws the UserError of a single file, or one that counts failures
   * where there were several, and the signal's reason.
   */
  async run(plans: readonly DownloadPlan[], signal: AbortSignal): Promise<BatchSummary> {
    const [only] = plans;
    const startedMs = this.#deps.clock.nowMs();
    this.#deps.reporter.expect(plans.length);
    if (plans.length === 1) await this.#one(only!, signal);
    else await this.#all(plans, signal);
    this.#sum.durationMs = this.#deps.clock.nowMs() - startedMs;
    if (plans.length > 1) this.#deps.reporter.ended(this.#sum);
    if (this.#sum.failed > 0) throw this.#failure(plans.length);
    return this.#sum;
  }

  async #all(plans: readonly DownloadPlan[], signal: AbortSignal): Promise<void> {
    const waiting = plans[Symbol.iterator]();
    const work = async (): Promise<void> => {
      for (const plan of waiting) {
        signal.throwIfAborted();
        try {
          await this.#one(plan, signal);
        } catch (error) {
          signal.throwIfAborted();
          if (!(error instanceof UserError)) throw error;
          this.#sum.failed += 1;
          this.#exitCodes.add(error.exitCode);
          const { name, outputText: output } = plan;
          const { exitCode, message } = error;
          this.#deps.reporter.file({ name, output }).failed({ exitCode, message });
        }
      }
    };
    const workers = Array.from({ length: Math.min(this.#deps.parallel, plans.length) }, work);
    const outcomes = await Promise.allSettled(workers);
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }

  async #one(plan: DownloadPlan, signal: AbortSignal): Promise<void> {
    const { name, outputText: output } = plan;
    const reporter = this.#deps.reporter.file({ name, output });
    const begin = async (): Promise<BegunFile> => await this.#deps.begin(plan, signal);
    const summary = await downloadFile(plan, { ...this.#deps, reporter, begin }, signal);
    if (!summary) {
      this.#sum.skipped += 1;
      return;
    }
    reporter.finished(summary);
    this.#sum.finished += 1;
    this.#sum.lengthBytes += summary.lengthBytes;
    const { seed, peers, origin } = this.#sum.receivedBytes;
    const received = summary.receivedBytes;
    this.#sum.receivedBytes = {
      seed: seed + received.seed,
      peers: peers + received.peers,
      origin: origin + received.origin,
    };
  }

  #failure(count: number): UserError {
    const [first, ...others] = this.#exitCodes;
    const exitCode = others.length === 0 && this.#sum.failed === count ? first! : EXIT.someFailed;
    return new UserError(exitCode, `${this.#sum.failed} of ${count} files failed`);
  }
}
