import type { AccessChecks } from "../../platform/origin/access-checks.ts";
import type { Clock } from "../../platform/clock.ts";
import type { OriginBook } from "../../platform/origin/origin-book.ts";
import { RecentMap } from "../../platform/recent-map.ts";
import { SingleFlight } from "../../platform/single-flight.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { RegistryError } from "../registry-error.ts";
import type { Exchange } from "../routes/exchange.ts";
import type { Repository } from "../upstream/repository.ts";
import { repositoryKey } from "../upstream/repository.ts";
import type { UpstreamClient } from "../upstream/upstream-client.ts";
import { callerOf } from "./caller.ts";
import type { Rights } from "./rights.ts";
import { callerRights, publicRights } from "./rights.ts";
import type { TokenSeal } from "./token-seal.ts";

const REPOSITORIES_MAX = 8192;
/** How long a repository is taken for public, and for private, without asking again. */
const PUBLIC_MS = 300_000;
const PRIVATE_MS = 60_000;

export interface VisitorsDeps {
  readonly upstream: UpstreamClient;
  readonly checks: AccessChecks;
  readonly seal: TokenSeal;
  readonly clock: Clock;
  readonly origins: OriginBook;
}

/** What a request asks for first, by which a repository shows whether it is public. */
export interface FirstWish {
  /** After the repository's name, `manifests/latest`. */
  readonly path: string;
  readonly accept: string | undefined;
}

/** Finds out with what rights requests are answered. */
export class Visitors {
  readonly #deps: VisitorsDeps;
  readonly #publicity = new RecentMap<string, { isPublic: boolean; untilMs: number }>(
    REPOSITORIES_MAX,
  );
  readonly #flights = new SingleFlight<boolean>();

  constructor(deps: VisitorsDeps) {
    this.#deps = deps;
  }

  /**
   * The rights of a request. A repository that everybody may read is public for those with credentials too, so that what
   * they fetch is shared with all. Throws RegistryError 401 for a useless token of ours.
   */
  async rightsOf(exchange: Exchange, repository: Repository, wish: FirstWish): Promise<Rights> {
    const { upstream, seal } = this.#deps;
    this.#mustBeAllowed(repository);
    const caller = callerOf(exchange, repository, seal);
    if (!caller) return publicRights(repository, upstream);
    const isPublic = await this.#isPublic(repository, wish, exchange.signal);
    if (isPublic) return publicRights(repository, upstream);
    return callerRights(repository, caller, this.#deps);
  }

  /** The caller's own rights, whether or not everybody has them: for answers that are passed through. */
  ownRights(exchange: Exchange, repository: Repository): Rights {
    this.#mustBeAllowed(repository);
    const caller = callerOf(exchange, repository, this.#deps.seal);
    if (!caller) return publicRights(repository, this.#deps.upstream);
    return callerRights(repository, caller, this.#deps);
  }

  /** Here, too, because what is cached is given without asking. Throws RegistryError 403. */
  #mustBeAllowed({ upstream, name }: Repository): void {
    const refusal = this.#deps.origins.refusal(new URL(upstream.baseUrl), name);
    if (refusal !== undefined) throw new RegistryError(403, "DENIED", refusal);
  }

  async #isPublic(repository: Repository, wish: FirstWish, signal: AbortSignal): Promise<boolean> {
    const key = repositoryKey(repository);
    const known = this.#publicity.get(key);
    if (known && known.untilMs > this.#deps.clock.nowMs()) return known.isPublic;
    return await this.#flights.run(
      key,
      async (flight) => {
        const isPublic = await this.#askAnonymously(repository, wish, flight);
        const lifeMs = isPublic ? PUBLIC_MS : PRIVATE_MS;
        this.#publicity.set(key, { isPublic, untilMs: this.#deps.clock.nowMs() + lifeMs });
        return isPublic;
      },
      signal,
    );
  }

  async #askAnonymously(
    repository: Repository,
    { path, accept }: FirstWish,
    signal: AbortSignal,
  ): Promise<boolean> {
    const request = { method: "HEAD", path, accept, isAnswerFinal: true } as const;
    try {
      const answer = await this.#deps.upstream.fetch(repository, request, signal);
      answer.dispose();
      return true;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      // Whatever the reason is, with the caller's credential the registry says more.
      return false;
    }
  }
}
