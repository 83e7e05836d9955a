import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { request } from "undici";
import { blobsOf, type BuiltImage } from "./image.ts";
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

async function uploadBlob(
  layout: OciLayout,
  repositoryUrl: string,
  blob: Descriptor,
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
  await send("PUT", place.href, headers, createReadStream(layout.blobPath(blob.digest)));
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
  body?: Buffer | ReturnType<typeof createReadStream>,
): Promise<Record<string, string | string[] | undefined>> {
  const answer = await request(url, { method, headers, ...(body === undefined ? {} : { body }) });
  const text = await answer.body.text();
  if (answer.statusCode >= 300) {
    throw new Error(`the registry answered ${method} ${url} with ${answer.statusCode}: ${text}`);
  }
  return answer.headers;
}
