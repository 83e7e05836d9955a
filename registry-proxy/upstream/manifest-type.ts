/** The longest manifest that is passed on; runtimes stop at a little over 4 MiB. */
export const MANIFEST_LENGTH_BYTES_MAX = 8 * 1024 * 1024;

const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const SIGNED_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/** Every type of manifest that clients ask for. */
export const MANIFEST_TYPES: readonly string[] = [
  OCI_INDEX,
  OCI_MANIFEST,
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

const ACCEPT_LENGTH_MAX = 4096;

/**
 * The Accept header for a tag: the client's, because a tag may mean another manifest to another client; every
 * known type for a client that takes anything.
 */
export function acceptForTag(clientAccept: string | undefined): string {
  const accept = clientAccept?.trim() ?? "";
  const takesAnything = accept === "" || /(?:^|[\s,])\*\/\*/.test(accept);
  if (accept.length > ACCEPT_LENGTH_MAX) return [...MANIFEST_TYPES, "*/*"].join(", ");
  if (!takesAnything) return accept;
  const listed = accept.split(",").map((type) => type.trim());
  return [...new Set([...listed, ...MANIFEST_TYPES])].filter((type) => type !== "").join(", ");
}

/**
 * The Accept header for a manifest that is named by its digest: every type, because the digest leaves no
 * choice and registries call a manifest unknown whose type is not listed.
 */
export function acceptForDigest(clientAccept: string | undefined): string {
  return acceptForTag(`${clientAccept === undefined ? "" : `${clientAccept}, `}*/*`);
}

/**
 * The media type of a manifest: what the origin said, unless that says nothing, then what the content says of
 * itself or looks like.
 */
export function manifestType(fromOrigin: string | undefined, content: Uint8Array): string {
  const said = fromOrigin?.trim().slice(0, 256) ?? "";
  const isUsable = /^[\w.+-]+\/[\w.+-]+(?:\s*;[\x20-\x7e]*)?$/.test(said);
  const isVague = /^(?:application\/(?:octet-stream|json)|text\/plain)\b/i.test(said);
  if (isUsable && !isVague) return said;
  return typeInside(content) ?? (isUsable ? said : "application/octet-stream");
}

function typeInside(content: Uint8Array): string | undefined {
  let manifest: Record<string, unknown>;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(content).toString());
    if (typeof parsed !== "object" || parsed === null) return undefined;
    manifest = parsed as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { mediaType, manifests, config, layers, schemaVersion } = manifest;
  if (typeof mediaType === "string" && /^[\w.+-]{1,127}\/[\w.+-]{1,127}$/.test(mediaType)) {
    return mediaType;
  }
  if (Array.isArray(manifests)) return OCI_INDEX;
  if (config !== undefined && Array.isArray(layers)) return OCI_MANIFEST;
  return schemaVersion === 1 ? SIGNED_SCHEMA_1 : undefined;
}
