import { ownChallenge } from "./own-challenge.ts";
import type { Exchange } from "../routes/exchange.ts";
import { RegistryError } from "../registry-error.ts";
import type { Repository } from "../upstream/repository.ts";
import type { TokenSeal } from "./token-seal.ts";

/** Who asks: a client that brought a credential. It is kept as long as its request runs. */
export interface Caller {
  /** A Basic header, with which a token can be got where the registry wants one, or a header to be used as it is. */
  readonly kind: "basic" | "as it is";
  readonly authorization: string;
}

/**
 * The caller of a request for a repository; undefined for an anonymous one. A token of ours stands for the login in it.
 * Throws RegistryError 401, with a challenge, for one of our tokens that is over or was given for another
 * registry.
 */
export function callerOf(
  exchange: Exchange,
  repository: Repository,
  seal: TokenSeal,
): Caller | undefined {
  const authorization = exchange.header("authorization");
  if (authorization === undefined) return undefined;
  if (/^basic\s/i.test(authorization)) return { kind: "basic", authorization };
  const token = /^bearer\s+(\S+)$/i.exec(authorization)?.[1];
  if (token === undefined || !seal.isOurs(token)) return { kind: "as it is", authorization };
  const login = seal.open(token);
  exchange.challenge = ownChallenge(exchange.request, repository.clientName);
  if (login?.registry !== repository.upstream.baseUrl) {
    const message = "the token is over or was given for another registry; ask for one again";
    throw new RegistryError(401, "UNAUTHORIZED", message);
  }
  return login.basic === undefined ? undefined : { kind: "basic", authorization: login.basic };
}
