import type { Registry } from "prom-client";

import type { Log } from "../../platform/log.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { MirrorMetrics } from "../metrics.ts";
import type { Subject } from "../registry-error.ts";
import { RegistryError, registryErrorOf } from "../registry-error.ts";
import { acceptForTag } from "../upstream/manifest-type.ts";
import { findRepository } from "../upstream/repository.ts";
import type { TagResolver } from "../upstream/tag-resolver.ts";
import type { UpstreamClient } from "../upstream/upstream-client.ts";
import type { UpstreamList } from "../upstream/upstream-list.ts";
import { isLocalClient, ownChallenge } from "../access/own-challenge.ts";
import type { TokenSeal } from "../access/token-seal.ts";
import type { Visitors } from "../access/visitors.ts";
import { BlobRoute } from "./blob-route.ts";
import type { Exchange } from "./exchange.ts";
import { answerList, answerReferrers } from "./list-route.ts";
import { ManifestRoute } from "./manifest-route.ts";
import type { RegistryRequest, RouteName } from "./registry-request.ts";
import { parseRegistryRequest } from "./registry-request.ts";
import type { SwarmContent } from "./swarm-content.ts";
import { TokenRoute } from "./token-route.ts";

export interface RouterDeps {
  readonly contents: SwarmContent;
  readonly upstream: UpstreamClient;
  readonly upstreams: UpstreamList;
  readonly visitors: Visitors;
  readonly seal: TokenSeal;
  readonly tags: TagResolver;
  readonly metrics: MirrorMetrics;
  readonly registry: Registry;
  readonly log: Log;
}

/** Decides who answers a request, and turns what they throw into an answer. */
export class Router {
  readonly #deps: RouterDeps;
  readonly #blobs: BlobRoute;
  readonly #manifests: ManifestRoute;
  readonly #tokens: TokenRoute;

  constructor(deps: RouterDeps) {
    this.#deps = deps;
    this.#blobs = new BlobRoute(deps);
    this.#manifests = new ManifestRoute(deps);
    this.#tokens = new TokenRoute(deps);
  }

  /** Answers a request, in every case; never rejects. */
  async handle(exchange: Exchange): Promise<void> {
    try {
      const { method = "", url = "" } = exchange.request;
      const request = parseRegistryRequest(method, url);
      exchange.route = request.route;
      await this.#answer(exchange, request);
    } catch (error) {
      this.#answerFailure(exchange, error);
    }
  }

  async #answer(exchange: Exchange, request: RegistryRequest): Promise<void> {
    const { upstreams, registry, visitors } = this.#deps;
    switch (request.route) {
      case "ping":
        return this.#ping(exchange);
      case "token":
        return await this.#tokens.answer(exchange, request.query);
      case "healthz":
        return exchange.send(200, { "content-type": "text/plain; charset=utf-8" }, "ok\n");
      case "metrics": {
        const text = await registry.metrics();
        return exchange.send(200, { "content-type": registry.contentType }, text);
      }
      default:
    }
    if (request.route === "purge") return this.#purge(exchange, request);
    const repository = findRepository(request.name, request.namespace, upstreams);
    switch (request.route) {
      case "manifest": {
        const { reference } = request;
        const path = `manifests/${"tag" in reference ? reference.tag : reference.digest}`;
        const accept = acceptForTag(exchange.header("accept"));
        const rights = await visitors.rightsOf(exchange, repository, { path, accept });
        return await this.#manifests.answer(exchange, repository, rights, reference);
      }
      case "blob": {
        const { digest } = request;
        const wish = { path: `blobs/${digest}`, accept: undefined };
        const rights = await visitors.rightsOf(exchange, repository, wish);
        return await this.#blobs.answer(exchange, repository, rights, digest);
      }
      case "tags":
      case "referrers": {
        const isTags = request.route === "tags";
        const path = isTags ? "tags/list" : `referrers/${request.digest}`;
        const answer = isTags ? answerList : answerReferrers;
        const { fetch } = visitors.ownRights(exchange, repository);
        return await answer(exchange, repository, { ...request, path }, fetch);
      }
      default:
        return request satisfies never;
    }
  }

  /**
   * Some clients learn only here that they may log in, and where. Those on other machines are not asked for a password,
   * which would cross the network in the clear.
   */
  #ping(exchange: Exchange): void {
    const { request } = exchange;
    const challenge = isLocalClient(request) ? ownChallenge(request, undefined) : undefined;
    if (challenge === undefined || exchange.header("authorization") !== undefined) {
      return exchange.send(200, { "content-type": "application/json" }, "{}");
    }
    const message = "ask the token endpoint for a token, with or without a user and password";
    const error = new RegistryError(401, "UNAUTHORIZED", message);
    const headers = { "content-type": "application/json", "www-authenticate": challenge };
    exchange.send(401, headers, error.toBody());
  }

  /** For the operator of this machine: others could make every pull ask its registry. */
  #purge(
    exchange: Exchange,
    { name, tag }: { readonly name: string; readonly tag: string | undefined },
  ): void {
    if (!isLocalClient(exchange.request)) {
      throw new RegistryError(403, "DENIED", "only programs of the mirror's own machine may purge");
    }
    const { tags, upstreams } = this.#deps;
    const forgotten = tags.purge(findRepository(name, undefined, upstreams), tag);
    const body = `${JSON.stringify({ forgotten })}\n`;
    exchange.send(200, { "content-type": "application/json" }, body);
  }

  #answerFailure(exchange: Exchange, error: unknown): void {
    try {
      this.#fail(exchange, error);
    } catch (defect) {
      this.#deps.log.error({ err: defect }, "a failure could not be told to the client");
      exchange.response.destroy();
    }
  }

  #fail(exchange: Exchange, error: unknown): void {
    const { route } = exchange;
    const failure = registryErrorOf(error, SUBJECTS[route] ?? "repository");
    const code = error instanceof ProtocolError ? error.code : failure.code;
    const { log } = this.#deps;
    if (exchange.hasClientLeft) {
      exchange.response.destroy();
      log.debug({ route, reason: String(error) }, "the client left before the end of its answer");
      return;
    }
    if (failure.status === 500) log.error({ route, err: error }, "a request met a defect");
    else log.debug({ route, code, reason: failure.message }, "a request failed");
    if (exchange.hasBegun) {
      log.warn({ route, code, sentBytes: exchange.sentBytes }, "an answer was broken off");
      exchange.giveUp();
      return;
    }
    exchange.source = undefined;
    const { challenge } = exchange;
    const login =
      failure.status === 401 && challenge !== undefined ? { "www-authenticate": challenge } : {};
    const headers = { ...failure.headers, ...login, "content-type": "application/json" };
    exchange.send(statusFor(exchange, failure.status), headers, failure.toBody());
  }
}

/**
 * Docker asks again for a blob for 76 seconds after every failure but 404, and then goes to the registry; after 404 it goes there
 * at once.
 */
function statusFor(exchange: Exchange, status: number): number {
  const isDocker = exchange.header("user-agent")?.startsWith("docker/") === true;
  return isDocker && exchange.route === "blob" && status !== 416 ? 404 : status;
}

const SUBJECTS: Readonly<Partial<Record<RouteName, Subject>>> = {
  manifest: "manifest",
  blob: "blob",
};
