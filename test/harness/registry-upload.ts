import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { request } from "undici";
import { blobsOf, type BuiltImage } from "./image.ts";
import { bytesDigest } from "./seeded-bytes.ts";
import type { Descriptor, OciLayout } from "./oci-layout.ts";

/** Puts the image, both platforms of it, into a registry as `repository:tag`. */
export async function uploadImage(
  image: BuiltImage,
  registryUrl: string,
  repository: string,
  tag: string,
  login: Readonly<Record<string, string>> = {},
): Promise<void> {
  const repositoryUrl = `${registryUrl}/v2/${repository}`;
  const platforms = [image.own, image.other];
  const blobs = new Map(platforms.flatMap(blobsOf).map((blob) => [blob.digest, blob]));
  for (const blob of blobs.values()) await uploadBlob(image.layout, repositoryUrl, blob, login);
  for (const { manifest } of platforms) {
    await uploadManifest(image.layout, repositoryUrl, manifest, manifest.digest, login);
  }
  await uploadManifest(image.layout, repositoryUrl, image.index, tag, login);
}

/** Puts bytes into a registry as a blob of a repository. */
export async function uploadBytes(
  bytes: Uint8Array,
  registryUrl: string,
  repository: string,
): Promise<void> {
  const blob = { digest: bytesDigest(bytes), size: bytes.length };
  await putBlob(`${registryUrl}/v2/${repository}`, blob, Readable.from([bytes]), {});
}

async function uploadBlob(
  layout: OciLayout,
  repositoryUrl: string,
  blob: Descriptor,
  login: Readonly<Record<string, string>>,
): Promise<void> {
  await putBlob(repositoryUrl, blob, createReadStream(layout.blobPath(blob.digest)), login);
}

async function putBlob(
  repositoryUrl: string,
  blob: Pick<Descriptor, "digest" | "size">,
  content: Readable,
  login: Readonly<Record<string, string>>,
): Promise<void> {
  const started = await send("POST", `${repositoryUrl}/blobs/uploads/`, login);
  const place = new URL(String(started["location"]), repositoryUrl);
  place.searchParams.set("digest", blob.digest);
  const headers = {
    ...login,
    "content-type": "application/octet-stream",
    "content-length": String(blob.size),
  };
  await send("PUT", place.href, headers, content);
}

async function uploadManifest(
  layout: OciLayout,
  repositoryUrl: string,
  manifest: Descriptor,
  reference: string,
  login: Readonly<Record<string, string>>,
): Promise<void> {
  const bytes = await readFile(layout.blobPath(manifest.digest));
  const headers = { ...login, "content-type": manifest.mediaType };
  await send("PUT", `${repositoryUrl}/manifests/${reference}`, headers, bytes);
}

async function send(
  method: "POST" | "PUT",
  url: string,
  headers: Record<string, string>,
  body?: Buffer | Readable,
): Promise<Record<string, string | string[] | undefined>> {
  const answer = await request(url, { method, headers, ...(body === undefined ? {} : { body }) });
  const text = await answer.body.text();
  if (answer.statusCode >= 300) {
    throw new Error(`the registry answered ${method} ${url} with ${answer.statusCode}: ${text}`);
  }
  return answer.headers;
}
