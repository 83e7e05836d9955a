import { createHash } from "node:crypto";

/** One content of a probe, and where the mirror had it from. */
export interface ProbedContent {
  readonly what: string;
  readonly source: string;
  readonly lengthBytes: number;
  readonly durationMs: number;
}

const MANIFEST_TYPES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

interface Descriptor {
  readonly digest: string;
}

/**
 * Pulls an image, `registry/repository:tag`, through a mirror as a runtime does, and checks every digest. Throws an
 * error with one sentence when something does not come or is wrong.
 */
export async function probePull(
  mirrorUrl: string,
  image: string,
  signal: AbortSignal,
): Promise<readonly ProbedContent[]> {
  const match = /^([^/]+)\/(.+):([\w.-]+)$/.exec(image);
  if (!match) throw new Error(`"${image}" is not registry/repository:tag`);
  const [, registry = "", repository = "", tag = ""] = match;
  const probed: ProbedContent[] = [];
  const get = async (kind: "manifests" | "blobs", reference: string): Promise<Buffer> => {
    const url = `${mirrorUrl}/v2/${repository}/${kind}/${reference}?ns=${encodeURIComponent(registry)}`;
    const began = performance.now();
    const headers = kind === "manifests" ? { accept: MANIFEST_TYPES } : {};
    const answer = await fetch(url, { headers, signal });
    const body = Buffer.from(await answer.arrayBuffer());
    if (!answer.ok) throw new Error(`${kind}/${reference}: ${answer.status} ${messageOf(body)}`);
    checkDigest(reference, body);
    const durationMs = Math.round(performance.now() - began);
    const source = answer.headers.get("x-darter-source") ?? "unknown";
    probed.push({ what: `${kind}/${reference}`, source, lengthBytes: body.length, durationMs });
    return body;
  };
  let manifest = parse(await get("manifests", tag));
  const [first] = manifest.manifests ?? [];
  if (first) manifest = parse(await get("manifests", first.digest));
  for (const { digest } of [manifest.config, ...(manifest.layers ?? [])].filter(
    (d) => d !== undefined,
  )) {
    await get("blobs", digest);
  }
  return probed;
}

function parse(bytes: Buffer): {
  readonly manifests?: readonly Descriptor[];
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
} {
  return JSON.parse(bytes.toString()) as ReturnType<typeof parse>;
}

function checkDigest(reference: string, body: Buffer): void {
  const [algorithm, hex] = reference.split(":");
  if (hex === undefined || (algorithm !== "sha256" && algorithm !== "sha512")) return;
  if (createHash(algorithm).update(body).digest("hex") === hex) return;
  throw new Error(`what came for ${reference} has another digest`);
}

function messageOf(body: Buffer): string {
  try {
    const { errors } = JSON.parse(body.toString()) as { errors: { message: string }[] };
    return errors[0]?.message ?? "";
  } catch {
    return "";
  }
}
