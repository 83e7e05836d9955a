import type { OutgoingHttpHeaders } from "node:http";

import type { OriginResponse } from "../../platform/origin/origin-request.ts";
import { contentLength } from "../../platform/origin/origin-version.ts";
import type { RepositoryFetch } from "../upstream/origin-content.ts";
import type { Repository } from "../upstream/repository.ts";
import type { UpstreamClient } from "../upstream/upstream-client.ts";
import { verifiedTail } from "../upstream/verified-tail.ts";
import { answerBlobFromOrigin } from "./blob-route.ts";
import { headersOf, streamBody } from "./body-stream.ts";
import type { Exchange } from "./exchange.ts";
import { answerList, answerReferrers } from "./list-route.ts";
import type { RegistryRequest } from "./registry-request.ts";

type RepositoryRequest = Exclude<RegistryRequest, { route: "ping" | "healthz" | "metrics" }>;

/**
 * Requests that carry credentials. They go to the registry that they name, as they are, and what comes back is
 * neither kept nor shared: who else may have it is not known here.
 */
export class CredentialsRoute {
  readonly #upstream: UpstreamClient;

  constructor(upstream: UpstreamClient) {
    this.#upstream = upstream;
  }

  /** Answers a request with its own Authorization header; throws what the answer is to say. */
  async answer(
    exchange: Exchange,
    repository: Repository,
    request: RepositoryRequest,
  ): Promise<void> {
    const authorization = exchange.header("authorization");
    const fetch: RepositoryFetch = (wanted, signal) =>
      this.#upstream.fetchAs(authorization, repository, wanted, signal);
    const registry = repository.upstream.registry;
    switch (request.route) {
      case "blob": {
        const { digest } = request;
        const path = `blobs/${digest}`;
        return await answerBlobFromOrigin(exchange, { fetch, registry, path, digest });
      }
      case "manifest":
        return await answerManifest(exchange, registry, request.reference, fetch);
      case "tags":
        return await answerList(exchange, repository, { ...request, path: "tags/list" }, fetch);
      case "referrers": {
        const path = `referrers/${request.digest}`;
        return await answerReferrers(exchange, repository, { ...request, path }, fetch);
      }
      default:
        return request satisfies never;
    }
  }
}

type Reference = Extract<RegistryRequest, { route: "manifest" }>["reference"];

async function answerManifest(
  exchange: Exchange,
  registry: string,
  reference: Reference,
  fetch: RepositoryFetch,
): Promise<void> {
  const path = `manifests/${"tag" in reference ? reference.tag : reference.digest}`;
  const accept = exchange.header("accept");
  const method = exchange.isHead ? "HEAD" : "GET";
  const answer = await fetch({ method, path, accept }, exchange.signal);
  exchange.markOpened("origin");
  try {
    const head = {
      status: 200,
      headers: manifestHeaders(answer),
      lengthBytes: contentLength(answer),
    };
    if (exchange.isHead) {
      exchange.begin(200, headersOf({ ...head, status: 200 }));
      return exchange.end();
    }
    const body =
      "tag" in reference ? answer.body : verifiedTail(answer.body, reference.digest, registry);
    await streamBody(exchange, { ...head, status: 200 }, body);
  } finally {
    answer.dispose();
  }
}

function manifestHeaders(answer: OriginResponse): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const name of ["content-type", "docker-content-digest", "etag"]) {
    const value = answer.header(name);
    if (value !== undefined) headers[name] = value;
  }
  return headers;
}
