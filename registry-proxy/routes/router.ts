import type { Registry } from "prom-client";

import type { Log } from "../../platform/log.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { MirrorMetrics } from "../metrics.ts";
import type { Subject } from "../registry-error.ts";
import { registryErrorOf } from "../registry-error.ts";
import { findRepository } from "../upstream/repository.ts";
import type { TagResolver } from "../upstream/tag-resolver.ts";
import type { UpstreamClient } from "../upstream/upstream-client.ts";
import type { UpstreamList } from "../upstream/upstream-list.ts";
import { BlobRoute } from "./blob-route.ts";
import { CredentialsRoute } from "./credentials-route.ts";
import type { Exchange } from "./exchange.ts";
import { answerList, answerReferrers } from "./list-route.ts";
import { ManifestRoute } from "./manifest-route.ts";
import type { RegistryRequest, RouteName } from "./registry-request.ts";
import { parseRegistryRequest } from "./registry-request.ts";
import type { SwarmContent } from "./swarm-content.ts";

export interface RouterDeps {
  readonly contents: SwarmContent;
  readonly upstream: UpstreamClient;
  readonly upstreams: UpstreamList;
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
  readonly #credentials: CredentialsRoute;

  constructor(deps: RouterDeps) {
    this.#deps = deps;
    this.#blobs = new BlobRoute(deps);
    this.#manifests = new ManifestRoute(deps);
    this.#credentials = new CredentialsRoute(deps.upstream);
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
    const { upstream, upstreams, registry } = this.#deps;
    switch (request.route) {
      case "ping":
        return exchange.send(200, { "content-type": "application/json" }, "{}");
      case "healthz":
        return exchange.send(200, { "content-type": "text/plain; charset=utf-8" }, "ok\n");
      case "metrics": {
        const text = await registry.metrics();
        return exchange.send(200, { "content-type": registry.contentType }, text);
      }
      default:
    }
    const repository = findRepository(request.name, request.namespace, upstreams);
    if (exchange.header("authorization") !== undefined) {
      return await this.#credentials.answer(exchange, repository, request);
    }
    switch (request.route) {
      case "manifest":
        return await this.#manifests.answer(exchange, repository, request.reference);
      case "blob":
        return await this.#blobs.answer(exchange, repository, request.digest);
      case "tags":
      case "referrers": {
        const isTags = request.route === "tags";
        const path = isTags ? "tags/list" : `referrers/${request.digest}`;
        const answer = isTags ? answerList : answerReferrers;
        return await answer(exchange, repository, { ...request, path }, (wanted, signal) =>
          upstream.fetch(repository, wanted, signal),
        );
      }
      default:
        return request satisfies never;
    }
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
    const headers = { ...failure.headers, "content-type": "application/json" };
    exchange.send(failure.status, headers, failure.toBody());
  }
}

const SUBJECTS: Readonly<Partial<Record<RouteName, Subject>>> = {
  manifest: "manifest",
  blob: "blob",
};
