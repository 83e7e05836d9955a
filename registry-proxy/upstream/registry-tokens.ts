import { createHmac, randomBytes } from "node:crypto";

import type { Clock } from "../../platform/clock.ts";
import type { OriginFetch } from "../../platform/origin/origin-request.ts";
import { SingleFlight } from "../../platform/single-flight.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { BearerChallenge } from "./bearer-challenge.ts";
import { readBounded } from "./bounded-body.ts";
import { RecentMap } from "../../platform/recent-map.ts";
import type { Repository } from "./repository.ts";
import { repositoryKey } from "./repository.ts";

const TOKENS_MAX = 2048;
const TOKEN_LENGTH_MAX = 16 * 1024;
const ANSWER_LENGTH_BYTES_MAX = 64 * 1024;
/** The life of a token whose issuer names none, as the distribution specification has it. */
const LIFE_SECONDS_DEFAULT = 60;
const LIFE_SECONDS_MAX = 3600;
/** A token is not used in the last part of its life, because what is begun with it takes time. */
const MARGIN_SECONDS = 10;
/** How long a refusal is believed. */
const REFUSAL_MS = 10_000;

interface HeldToken {
  /** Undefined when the issuer gives nothing to those without credentials. */
  readonly authorization: string | undefined;
  readonly untilMs: number;
}

/**
 * Tokens that registries give, one for each repository and caller: those for everybody, which open public images only, and
 * those for a user's name and password. They are kept in memory, under a keyed hash of the password.
 */
export class RegistryTokens {
  readonly #fetch: OriginFetch;
  readonly #clock: Clock;
  readonly #held = new RecentMap<string, HeldToken>(TOKENS_MAX);
  readonly #hashKey = randomBytes(32);
  readonly #flights = new SingleFlight<HeldToken>();

  constructor(deps: { readonly fetch: OriginFetch; readonly clock: Clock }) {
    this.#fetch = deps.fetch;
    this.#clock = deps.clock;
  }

  /** The Authorization header to use for a repository, if one is at hand. `basic` names the caller. */
  current(repository: Repository, basic: string | undefined): string | undefined {
    return this.#live(this.#key(repository, basic))?.authorization;
  }

  /**
   * The Authorization header for a repository whose registry sent `challenge`, other than `refused`. Returns
   * undefined when there is none for this caller: one with the Basic credentials `basic`, or one without any.
   */
  async obtain(
    repository: Repository,
    challenge: BearerChallenge,
    refused: string | undefined,
    signal: AbortSignal,
    basic?: string,
  ): Promise<string | undefined> {
    const key = this.#key(repository, basic);
    const held = this.#live(key);
    if (held && (held.authorization === undefined || held.authorization !== refused)) {
      return held.authorization;
    }
    // A registry that is asked over TLS may not have a password sent in the clear.
    const isClear = challenge.realm.protocol === "http:";
    if (basic !== undefined && isClear && repository.upstream.baseUrl.startsWith("https:"))
      return undefined;
    const url = tokenUrl(repository, challenge);
    const token = await this.#flights.run(
      `${key} ${url}`,
      async (flight) => {
        const fresh = await this.#ask(url, basic, flight);
        this.#held.set(key, fresh);
        return fresh;
      },
      signal,
    );
    return token.authorization;
  }

  #live(key: string): HeldToken | undefined {
    const held = this.#held.get(key);
    return held && held.untilMs > this.#clock.nowMs() ? held : undefined;
  }

  #key(repository: Repository, basic: string | undefined): string {
    if (basic === undefined) return repositoryKey(repository);
    const hash = createHmac("sha256", this.#hashKey).update(basic).digest("base64url");
    return `${repositoryKey(repository)} ${hash}`;
  }

  async #ask(url: string, basic: string | undefined, signal: AbortSignal): Promise<HeldToken> {
    const nowMs = this.#clock.nowMs();
    try {
      const headers = new Map([["accept", "application/json"]]);
      if (basic !== undefined) headers.set("authorization", basic);
      const answer = await this.#fetch(
        { method: "GET", url, headers, isAnswerFinal: true },
        signal,
      );
      const bytes = await readBounded(answer.body, ANSWER_LENGTH_BYTES_MAX, "the token's answer");
      return readToken(Buffer.from(bytes).toString(), nowMs);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return { authorization: undefined, untilMs: nowMs + REFUSAL_MS };
    }
  }
}

function tokenUrl({ name }: Repository, challenge: BearerChallenge): string {
  const url = new URL(challenge.realm);
  if (challenge.service !== undefined) url.searchParams.set("service", challenge.service);
  url.searchParams.set("scope", challenge.scope ?? `repository:${name}:pull`);
  return url.href;
}

function readToken(text: string, nowMs: number): HeldToken {
  const refusal = { authorization: undefined, untilMs: nowMs + REFUSAL_MS };
  let content: { token?: unknown; access_token?: unknown; expires_in?: unknown } | null;
  try {
    content = JSON.parse(text) as typeof content;
  } catch {
    return refusal;
  }
  const token = content?.token ?? content?.access_token;
  if (typeof token !== "string" || token.length > TOKEN_LENGTH_MAX) return refusal;
  if (!/^[A-Za-z0-9._~+/-]+=*$/.test(token)) return refusal;
  const named = content?.expires_in;
  const life = typeof named === "number" && named > 0 ? named : LIFE_SECONDS_DEFAULT;
  const usable = Math.max(1, Math.min(life, LIFE_SECONDS_MAX) - MARGIN_SECONDS);
  return { authorization: `Bearer ${token}`, untilMs: nowMs + usable * 1000 };
}
