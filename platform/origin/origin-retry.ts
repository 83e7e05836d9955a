import type { Clock, Random } from "../clock.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { backoffMs } from "./backoff.ts";
import type { OriginFetch, OriginRequest, OriginResponse } from "./origin-request.ts";
import { OriginFailure } from "./origin-failure.ts";

/** How often and how soon a failed request is sent again. Times are milliseconds. */
export interface OriginRetryOptions {
  /** Attempts in all while no connection can be made. */
  readonly connectionAttempts: number;
  readonly connectionBackoffMs: number;
  /** Attempts in all while the origin answers 429 or 5xx, or breaks off. */
  readonly answerAttempts: number;
  readonly answerBackoffMs: number;
  readonly backoffMsMax: number;
  /** An origin that asks for a longer wait by Retry-After is given up at once. */
  readonly retryAfterMsMax: number;
}

export const defaultOriginRetryOptions: OriginRetryOptions = {
  connectionAttempts: 3,
  connectionBackoffMs: 200,
  answerAttempts: 5,
  answerBackoffMs: 300,
  backoffMsMax: 10_000,
  retryAfterMsMax: 30_000,
};

type Attempt = (request: OriginRequest, signal: AbortSignal) => Promise<OriginResponse>;

/** Sends a request again while that may help. Throws the ProtocolError of the last attempt. */
export function retried(
  attempt: Attempt,
  deps: { readonly clock: Clock; readonly random: Random },
  options: OriginRetryOptions,
): OriginFetch {
  return async (request, signal) => {
    for (let attempts = 1; ; attempts++) {
      try {
        request.onAttempt?.();
        return await attempt(request, signal);
      } catch (error) {
        if (!(error instanceof OriginFailure)) throw error;
        const waitMs = waitBefore(attempts + 1, error, request, options, deps.random);
        if (waitMs === undefined) throw finalError(error.error, attempts);
        await deps.clock.sleep(waitMs, signal);
      }
    }
  };
}

/** How long to wait before the attempt of that number, or undefined when there is to be none. */
function waitBefore(
  attempt: number,
  failure: OriginFailure,
  request: OriginRequest,
  options: OriginRetryOptions,
  random: Random,
): number | undefined {
  switch (failure.tryAgain) {
    case "no":
      return undefined;
    case "connection":
      return attempt > options.connectionAttempts
        ? undefined
        : backoffMs(attempt - 1, options.connectionBackoffMs, options.backoffMsMax, random);
    case "answer": {
      if (request.isAnswerFinal === true || attempt > options.answerAttempts) return undefined;
      const askedMs = failure.error.details.retryAfterMs ?? 0;
      if (askedMs > options.retryAfterMsMax) return undefined;
      const ownMs = backoffMs(attempt - 1, options.answerBackoffMs, options.backoffMsMax, random);
      return Math.max(askedMs, ownMs);
    }
    default:
      return failure.tryAgain satisfies never;
  }
}

function finalError(error: ProtocolError, attempts: number): ProtocolError {
  if (attempts === 1) return error;
  const message = error.message.replace(/;/, ` (tried ${attempts} times);`);
  return new ProtocolError(error.code, message, error.details, error);
}
