import type { Clock } from "../../platform/clock.ts";
import type { OriginFetch, OriginResponse } from "../../platform/origin/origin-request.ts";
import { RegistryAccess } from "./registry-access.ts";
import type { Repository } from "./repository.ts";

/** A request for something in a repository. */
export interface UpstreamRequest {
  readonly method: "GET" | "HEAD";
  /** After the repository's name, such as `manifests/latest`; with the query if there is one. */
  readonly path: string;
  readonly accept?: string | undefined;
  readonly range?: { readonly firstByte: number; readonly lastByte?: number | undefined };
  /** True when there is something better to do than to ask a failing upstream again. */
  readonly isAnswerFinal?: boolean;
}

/** Requests to the registries behind the mirror. */
export class UpstreamClient {
  readonly #fetch: OriginFetch;
  /** Anonymous access, with tokens where they are needed. */
  readonly access: RegistryAccess;

  constructor(deps: { readonly fetch: OriginFetch; readonly clock: Clock }) {
    this.#fetch = deps.fetch;
    this.access = new RegistryAccess(deps);
  }

  /** Asks anonymously. Throws ProtocolError, or the reason of the signal. */
  async fetch(
    repository: Repository,
    request: UpstreamRequest,
    signal: AbortSignal,
  ): Promise<OriginResponse> {
    return await this.access.run(
      repository,
      (authorization) => this.fetchAs(authorization, repository, request, signal),
      signal,
    );
  }

  /** Asks with an Authorization header, which goes to this upstream only. Throws as `fetch` does. */
  async fetchAs(
    authorization: string | undefined,
    repository: Repository,
    request: UpstreamRequest,
    signal: AbortSignal,
  ): Promise<OriginResponse> {
    const { method, path, accept, range, isAnswerFinal } = request;
    return await this.#fetch(
      {
        method,
        url: contentUrl(repository, path),
        headers: contentHeaders(accept, authorization),
        ...(range === undefined ? {} : { range }),
        ...(isAnswerFinal === undefined ? {} : { isAnswerFinal }),
      },
      signal,
    );
  }
}

/** The address of something in a repository. */
export function contentUrl({ upstream, name }: Repository, path: string): string {
  return `${upstream.baseUrl}/v2/${name}/${path}`;
}

/** The headers of a request for content. */
export function contentHeaders(
  accept: string | undefined,
  authorization: string | undefined,
): Map<string, string> {
  const headers = new Map<string, string>();
  if (accept !== undefined) headers.set("accept", accept);
  if (authorization !== undefined) headers.set("authorization", authorization);
  return headers;
}
