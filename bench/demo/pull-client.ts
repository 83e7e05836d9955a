import { createHash } from "node:crypto";
import pLimit from "p-limit";
import { request } from "undici";

/** An image at a registry, or at a mirror of one. */
export interface ImagePlace {
  /** `address:port`, spoken to by plain HTTP. */
  readonly authority: string;
  readonly repository: string;
  readonly tag: string;
  /** Which image of an index is pulled. */
  readonly architecture: string;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly os: string; readonly architecture: string };
}

/** As many blobs at once as common clients fetch. */
const BLOBS_AT_ONCE = 6;
const MANIFEST_BYTES_MAX = 4 * 1024 * 1024;
const ACCEPT = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
].join(", ");

/**
 * Pulls an image as a container runtime does: tag, index, manifest, then config and layers side by
 * side, each checked against its digest and size. Keeps nothing. Returns how many bytes it received;
 * throws an Error that names what was wrong.
 */
export async function pullImage(place: ImagePlace, signal: AbortSignal): Promise<number> {
  const top = await fetchManifest(place, place.tag, undefined, signal);
  const index = JSON.parse(top.toString("utf8")) as { manifests: Descriptor[] };
  const wanted = index.manifests.find(
    (entry) => entry.platform?.architecture === place.architecture,
  );
  if (!wanted) throw new Error(`there is no image for ${place.architecture}`);
  const bytes = await fetchManifest(place, wanted.digest, wanted, signal);
  const manifest = JSON.parse(bytes.toString("utf8")) as {
    config: Descriptor;
    layers: Descriptor[];
  };
  const blobs = [manifest.config, ...manifest.layers];
  const limit = pLimit(BLOBS_AT_ONCE);
  await Promise.all(blobs.map(async (blob) => await limit(checkBlob, place, blob, signal)));
  return top.length + bytes.length + blobs.reduce((sum, { size }) => sum + size, 0);
}

async function fetchManifest(
  place: ImagePlace,
  reference: string,
  expected: Descriptor | undefined,
  signal: AbortSignal,
): Promise<Buffer> {
  const url = `http://${place.authority}/v2/${place.repository}/manifests/${reference}`;
  const { statusCode, headers, body } = await request(url, { headers: { accept: ACCEPT }, signal });
  if (statusCode !== 200) throw new Error(`${url} was answered with ${statusCode}`);
  const chunks: Uint8Array[] = [];
  let lengthBytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    lengthBytes += chunk.length;
    if (lengthBytes > MANIFEST_BYTES_MAX) throw new Error(`${url} is too long for a manifest`);
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const named = expected?.digest ?? headers["docker-content-digest"];
  if (named !== digest) throw new Error(`${url} has the digest ${digest}, not ${String(named)}`);
  return bytes;
}

async function checkBlob(place: ImagePlace, blob: Descriptor, signal: AbortSignal): Promise<void> {
  const url = `http://${place.authority}/v2/${place.repository}/blobs/${blob.digest}`;
  const { statusCode, body } = await request(url, { signal });
  if (statusCode !== 200) throw new Error(`${url} was answered with ${statusCode}`);
  const hash = createHash("sha256");
  let lengthBytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    hash.update(chunk);
    lengthBytes += chunk.length;
  }
  const digest = `sha256:${hash.digest("hex")}`;
  if (digest !== blob.digest || lengthBytes !== blob.size) {
    throw new Error(`${url} gave ${lengthBytes} bytes with the digest ${digest}`);
  }
}
