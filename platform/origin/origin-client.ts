import type { Dispatcher } from "undici";

import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { Clock, Random } from "../clock.ts";
import { printableUrl } from "../log.ts";
import type { AddressGate } from "./address-gate.ts";
import type { OriginAgentOptions } from "./origin-agent.ts";
import { createOriginAgent, defaultOriginAgentOptions } from "./origin-agent.ts";
import { dispatchTo, gated } from "./origin-dispatch.ts";
import { mirrored } from "./origin-mirrors.ts";
import { OriginFailure, failureOfStatus } from "./origin-failure.ts";
import { followRedirects } from "./origin-redirect.ts";
import type { OriginFetch, OriginRequest, OriginResponse } from "./origin-request.ts";
import type { OriginRetryOptions } from "./origin-retry.ts";
import { defaultOriginRetryOptions, retried } from "./origin-retry.ts";

export interface OriginClientDeps {
  readonly gate: AddressGate;
  readonly clock: Clock;
  readonly random: Random;
}

export type OriginClientOptions = Partial<OriginAgentOptions & OriginRetryOptions>;

/**
 * Requests to origins: every address checked, redirects followed, failures retried where that may help and
 * explained where it does not.
 */
export class OriginClient implements AsyncDisposable {
  readonly #agent: Dispatcher;
  /** Gets an answer with status 200, 203 or 206; throws ProtocolError, or the reason of the signal. */
  readonly fetch: OriginFetch;

  constructor(deps: OriginClientDeps, options: OriginClientOptions = {}) {
    const agentOptions = { ...defaultOriginAgentOptions, ...options };
    const { book } = agentOptions;
    this.#agent = createOriginAgent(deps.gate, agentOptions);
    const follow = followRedirects(gated(deps.gate, dispatchTo(this.#agent, book)));
    const retry = { ...defaultOriginRetryOptions, ...options };
    this.fetch = mirrored(retried(successOnly(follow), deps, retry), book, deps);
  }

  /** Breaks off what is running and closes every connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}

/** Turns answers that bring no content into failures. */
function successOnly(
  fetch: (request: OriginRequest, signal: AbortSignal) => Promise<OriginResponse>,
): OriginFetch {
  return async (request, signal) => {
    const answer = await fetch(request, signal);
    const failure = failureOf(answer);
    if (!failure) return answer;
    answer.dispose();
    throw failure;
  };
}

function failureOf(answer: OriginResponse): OriginFailure | undefined {
  const { status, finalUrl } = answer;
  if (status !== 200 && status !== 203 && status !== 206) {
    return failureOfStatus(status, (name) => answer.header(name), finalUrl);
  }
  const encoding = answer.header("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (encoding === "identity" || encoding === "") return undefined;
  const message = `the origin ${printableUrl(finalUrl)} sends its content encoded although plain content was asked for; switch its compression off`;
  return new OriginFailure(
    new ProtocolError("ORIGIN_FAILED", message, { originStatus: status }),
    "no",
  );
}
