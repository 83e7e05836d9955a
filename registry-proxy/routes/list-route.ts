import { ProtocolError } from "../../protocol/protocol-error.ts";
import { readBounded } from "../upstream/bounded-body.ts";
import type { Repository } from "../upstream/repository.ts";
import type { RepositoryFetch } from "../upstream/origin-content.ts";
import type { Exchange } from "./exchange.ts";
import { rewriteLink } from "./pagination-link.ts";

const LIST_LENGTH_BYTES_MAX = 16 * 1024 * 1024;
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";

/** What is asked for after the repository's name, such as `tags/list`. */
export interface ListRequest {
  readonly path: string;
  readonly query: URLSearchParams;
}

/** Passes a list of a repository, its tags or the referrers of a manifest, through from the upstream. */
export async function answerList(
  exchange: Exchange,
  repository: Repository,
  { path, query }: ListRequest,
  fetch: RepositoryFetch,
): Promise<void> {
  const accept = exchange.header("accept");
  const suffix = query.size === 0 ? "" : `?${query.toString()}`;
  // Some registries know no HEAD for lists, and the length of a list is not known before it is made.
  const answer = await fetch({ method: "GET", path: path + suffix, accept }, exchange.signal);
  exchange.markOpened("origin");
  const body = await readBounded(answer.body, LIST_LENGTH_BYTES_MAX, "the list");
  const link = answer.header("link");
  const filters = answer.header("oci-filters-applied");
  exchange.send(
    200,
    {
      "content-type": answer.header("content-type") ?? "application/json",
      ...(link === undefined ? {} : { link: rewriteLink(link, repository) }),
      ...(filters === undefined ? {} : { "oci-filters-applied": filters }),
    },
    body,
  );
}

/** Referrers, which is an empty list where the registry has no such route. */
export async function answerReferrers(
  exchange: Exchange,
  repository: Repository,
  list: ListRequest,
  fetch: RepositoryFetch,
): Promise<void> {
  try {
    await answerList(exchange, repository, list, fetch);
  } catch (error) {
    if (exchange.hasBegun || !isUnknownRoute(error)) throw error;
    exchange.markOpened("origin");
    const isFiltered = list.query.has("artifactType");
    exchange.send(
      200,
      {
        "content-type": OCI_INDEX,
        ...(isFiltered ? { "oci-filters-applied": "artifactType" } : {}),
      },
      JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }),
    );
  }
}

function isUnknownRoute(error: unknown): boolean {
  if (!(error instanceof ProtocolError)) return false;
  const { originStatus } = error.details;
  return error.code === "ORIGIN_NOT_FOUND" || originStatus === 405 || originStatus === 501;
}
