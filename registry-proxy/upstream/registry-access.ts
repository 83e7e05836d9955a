import type { Clock } from "../../platform/clock.ts";
import type { OriginFetch } from "../../platform/origin/origin-request.ts";
import { SingleFlight } from "../../platform/single-flight.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { RegistryTokens } from "./registry-tokens.ts";
import type { BearerChallenge } from "./bearer-challenge.ts";
import { parseBearerChallenge } from "./bearer-challenge.ts";
import { RecentMap } from "../../platform/recent-map.ts";
import type { Repository } from "./repository.ts";
import type { Upstream } from "./upstream-list.ts";

const UPSTREAMS_MAX = 256;
/** How long it is remembered whether an upstream asks for tokens. */
const GREETING_MS = 5 * 60_000;
/** How soon an upstream that did not answer is asked again. */
const SILENCE_MS = 10_000;

interface Greeting {
  readonly challenge: BearerChallenge | undefined;
  readonly untilMs: number;
}

/**
 * Requests to upstreams with the token that the registry wants: from anonymous callers too, and from callers who bring a user's
 * name and password.
 */
export class RegistryAccess {
  readonly #fetch: OriginFetch;
  readonly #clock: Clock;
  readonly #greetingTimeoutMs: number;
  readonly #tokens: RegistryTokens;
  readonly #greetings = new RecentMap<string, Greeting>(UPSTREAMS_MAX);
  readonly #flights = new SingleFlight<Greeting>();

  /** `greetingTimeoutMs` is how long an upstream may take to say whether it asks for tokens. */
  constructor(
    deps: { readonly fetch: OriginFetch; readonly clock: Clock },
    options: { readonly greetingTimeoutMs: number } = { greetingTimeoutMs: 5000 },
  ) {
    this.#fetch = deps.fetch;
    this.#clock = deps.clock;
    this.#greetingTimeoutMs = options.greetingTimeoutMs;
    this.#tokens = new RegistryTokens(deps);
  }

  /**
   * Runs `attempt` with the Authorization header that the repository wants from this caller, if any, and once more
   * with a fresh one when the first was refused. `basic` is the caller's Basic header, absent for an
   * anonymous one. Rejects as `attempt` does.
   */
  async run<T>(
    repository: Repository,
    attempt: (authorization: string | undefined) => Promise<T>,
    signal: AbortSignal,
    basic?: string,
  ): Promise<T> {
    const first = await this.#expected(repository, signal, basic);
    try {
      return await attempt(first);
    } catch (error) {
      const challenge = challengeOf(error);
      if (!challenge) throw error;
      const second = await this.#tokens.obtain(repository, challenge, first, signal, basic);
      if (second === undefined || second === first) throw error;
      return await attempt(second);
    }
  }

  /**
   * Whether the registry knows the user: it gives a token, or takes the password. Throws ProtocolError when it
   * cannot be asked.
   */
  async knows(repository: Repository, basic: string, signal: AbortSignal): Promise<boolean> {
    const { upstream } = repository;
    const { challenge } = await this.#greetingOf(upstream, signal);
    if (challenge) {
      const scoped = withoutScope(challenge);
      const token = await this.#tokens.obtain(repository, scoped, undefined, signal, basic);
      return token !== undefined;
    }
    try {
      const headers = new Map([["authorization", basic]]);
      const url = `${upstream.baseUrl}/v2/`;
      const answer = await this.#fetch(
        { method: "GET", url, headers, isAnswerFinal: true },
        signal,
      );
      answer.dispose();
      return true;
    } catch (error) {
      if (error instanceof ProtocolError && error.code === "ORIGIN_UNAUTHORIZED") return false;
      throw error;
    }
  }

  async #expected(
    repository: Repository,
    signal: AbortSignal,
    basic: string | undefined,
  ): Promise<string | undefined> {
    const held = this.#tokens.current(repository, basic);
    if (held !== undefined) return held;
    const { challenge } = await this.#greetingOf(repository.upstream, signal);
    if (!challenge) return basic;
    const scoped = withoutScope(challenge);
    return await this.#tokens.obtain(repository, scoped, undefined, signal, basic);
  }

  async #greetingOf({ baseUrl }: Upstream, signal: AbortSignal): Promise<Greeting> {
    const known = this.#greetings.get(baseUrl);
    if (known && known.untilMs > this.#clock.nowMs()) return known;
    return await this.#flights.run(
      baseUrl,
      async (flight) => {
        const greeting = await this.#greet(baseUrl, flight);
        this.#greetings.set(baseUrl, greeting);
        return greeting;
      },
      signal,
    );
  }

  /** Asks for the root of the API, where registries say what they want from everybody. */
  async #greet(baseUrl: string, signal: AbortSignal): Promise<Greeting> {
    const nowMs = this.#clock.nowMs();
    const limit = AbortSignal.timeout(this.#greetingTimeoutMs);
    try {
      const answer = await this.#fetch(
        { method: "GET", url: `${baseUrl}/v2/`, headers: new Map(), isAnswerFinal: true },
        AbortSignal.any([signal, limit]),
      );
      answer.dispose();
      return { challenge: undefined, untilMs: nowMs + GREETING_MS };
    } catch (error) {
      if (!(error instanceof ProtocolError) && !limit.aborted) throw error;
      // No address of ours to ask: neither for the greeting nor for what comes after it.
      if (error instanceof ProtocolError && error.code === "ORIGIN_FORBIDDEN") throw error;
      const challenge = challengeOf(error);
      return { challenge, untilMs: nowMs + (challenge ? GREETING_MS : SILENCE_MS) };
    }
  }
}

/** The root's challenge may name a scope of its own, which is not that of the repository. */
function withoutScope({ realm, service }: BearerChallenge): BearerChallenge {
  return { realm, service, scope: undefined };
}

function challengeOf(error: unknown): BearerChallenge | undefined {
  if (!(error instanceof ProtocolError) || error.code !== "ORIGIN_UNAUTHORIZED") return undefined;
  const { challenge } = error.details;
  return challenge === undefined ? undefined : parseBearerChallenge(challenge);
}
