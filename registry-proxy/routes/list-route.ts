import { ProtocolError } from "../../protocol/protocol-error.ts";
import { readBounded } from "../upstream/bounded-body.ts";
import { MANIFEST_LENGTH_BYTES_MAX } from "../upstream/manifest-type.ts";
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

/**
 * Referrers. Where the registry has no such route they stand in the manifest of a tag that is made of the digest (OCI
 * distribution specification, "Referrers Tag Schema"); where there is none of that name, there are no referrers.
 */
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
    const tag = list.path.replace(/^referrers\//, "").replace(":", "-");
    const listed = await taggedReferrers(exchange, tag, fetch);
    exchange.markOpened("origin");
    const wanted = list.query.get("artifactType");
    const manifests = wanted === null ? listed : listed.filter((each) => typeOf(each) === wanted);
    exchange.send(
      200,
      {
        "content-type": OCI_INDEX,
        ...(wanted === null ? {} : { "oci-filters-applied": "artifactType" }),
      },
      JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }),
    );
  }
}

/** The descriptors in the index of a tag; none where there is no such index. */
async function taggedReferrers(
  exchange: Exchange,
  tag: string,
  fetch: RepositoryFetch,
): Promise<readonly unknown[]> {
  try {
    const request = { method: "GET", path: `manifests/${tag}`, accept: OCI_INDEX } as const;
    const answer = await fetch(request, exchange.signal);
    const body = await readBounded(answer.body, MANIFEST_LENGTH_BYTES_MAX, "the index");
    const index = JSON.parse(Buffer.from(body).toString()) as { manifests?: unknown } | null;
    return Array.isArray(index?.manifests) ? index.manifests : [];
  } catch (error) {
    if (error instanceof SyntaxError || isUnknownRoute(error)) return [];
    throw error;
  }
}

function typeOf(descriptor: unknown): unknown {
  return (descriptor as { artifactType?: unknown } | null)?.artifactType;
}

function isUnknownRoute(error: unknown): boolean {
  if (!(error instanceof ProtocolError)) return false;
  const { originStatus } = error.details;
  return error.code === "ORIGIN_NOT_FOUND" || originStatus === 405 || originStatus === 501;
}
