import type { IncomingMessage } from "node:http";

import type { TokenSeal } from "../access/token-seal.ts";
import { RegistryError } from "../registry-error.ts";
import { readBounded } from "../upstream/bounded-body.ts";
import type { Repository } from "../upstream/repository.ts";
import { findRepository } from "../upstream/repository.ts";
import type { UpstreamClient } from "../upstream/upstream-client.ts";
import type { UpstreamList } from "../upstream/upstream-list.ts";
import type { Exchange } from "./exchange.ts";

/** How long a token is good for; clients then ask again. */
const LIFE_SECONDS = 300;
const FORM_LENGTH_BYTES_MAX = 64 * 1024;

export interface TokenRouteDeps {
  readonly seal: TokenSeal;
  readonly upstream: UpstreamClient;
  readonly upstreams: UpstreamList;
}

/**
 * `GET` and `POST /token`: the token endpoint of clients that learn only from `/v2/` where to log in. It takes the user's name and
 * password for the registry that the scope names, sees whether the registry knows them, and gives them
 * back sealed.
 */
export class TokenRoute {
  readonly #deps: TokenRouteDeps;

  constructor(deps: TokenRouteDeps) {
    this.#deps = deps;
  }

  /** Answers a request; throws what its answer is to say. */
  async answer(exchange: Exchange, query: URLSearchParams): Promise<void> {
    const { seal, upstream } = this.#deps;
    const { request } = exchange;
    const parameters = request.method === "POST" ? await readForm(request) : query;
    const basic = exchange.header("authorization") ?? formLogin(parameters);
    const repository = this.#repositoryOf(parameters.getAll("scope"));
    if (basic !== undefined) {
      if (!/^basic\s/i.test(basic)) throw unsupported();
      const isKnown = await upstream.access.knows(repository, basic, exchange.signal);
      if (!isKnown) throw refused(repository);
    }
    const registry = repository.upstream.baseUrl;
    const token = seal.seal({ registry, basic }, LIFE_SECONDS * 1000);
    const content = { token, access_token: token, expires_in: LIFE_SECONDS };
    const headers = { "content-type": "application/json", "cache-control": "no-store" };
    exchange.send(200, headers, JSON.stringify(content));
  }

  /** The first repository that the client wants to pull from; of the default registry when it names none. */
  #repositoryOf(scopes: readonly string[]): Repository {
    const { upstreams } = this.#deps;
    for (const scope of scopes.flatMap((text) => text.split(" "))) {
      const name = /^repository(?:\([a-z]+\))?:([^:]+(?::\d+\/[^:]+)?):/.exec(scope)?.[1];
      if (name !== undefined) return findRepository(name, undefined, upstreams);
    }
    return { upstream: upstreams.default, name: "", clientName: "" };
  }
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const bytes = await readBounded(request, FORM_LENGTH_BYTES_MAX, "the form");
  return new URLSearchParams(Buffer.from(bytes).toString());
}

/** The name and password in a form, as a Basic header. */
function formLogin(form: URLSearchParams): string | undefined {
  const grant = form.get("grant_type");
  if (grant !== null && grant !== "password") throw unsupported();
  const [username, password] = [form.get("username"), form.get("password")];
  if (username === null || password === null) return undefined;
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function unsupported(): RegistryError {
  const message = "the mirror takes a user's name and password and no other kind of login";
  return new RegistryError(400, "UNSUPPORTED", message);
}

function refused({ upstream }: Repository): RegistryError {
  const message = `the registry ${upstream.registry} does not know this user and password; check them`;
  return new RegistryError(401, "UNAUTHORIZED", message);
}
