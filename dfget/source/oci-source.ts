import { EXIT, UserError } from "../../platform/user-error.ts";
import { sha256Digest } from "../../platform/digest-check.ts";
import { parseDigest } from "../../protocol/digest.ts";
import { parseChecksum } from "../cli/checksum.ts";
import type { OciManifest } from "./oci-manifest.ts";
import { manifestOf, platformOf } from "./oci-manifest.ts";
import { RegistryLogin } from "./oci-login.ts";
import { fetchText } from "./read-body.ts";
import type { FoundEntry, Source, SourceDeps } from "./source.ts";

const ACCEPT = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

/** Where an image or another artifact is. */
interface Reference {
  readonly base: string;
  readonly host: string;
  readonly repository: string;
  /** A tag or a digest. */
  readonly version: string;
}

/** Images and artifacts of registries, `oci://registry/repository[:tag|@digest]`, as an OCI image layout. */
export const ociSource: Source = {
  schemes: ["oci:"],
  async *find(url, deps, signal) {
    const reference = parseOciUrl(url);
    const { bytes, manifest, mediaType } = await chosenManifest(reference, deps, signal);
    const digest = sha256Digest(bytes);
    const descriptor = { mediaType, digest, size: bytes.length };
    const isTag = parseDigest(reference.version) === undefined;
    const annotations = { "org.opencontainers.image.ref.name": reference.version };
    yield content("oci-layout", { imageLayoutVersion: "1.0.0" });
    yield content("index.json", {
      schemaVersion: 2,
      manifests: [isTag ? { ...descriptor, annotations } : descriptor],
    });
    yield { kind: "content", path: blobPath(digest), content: bytes };
    const login = await loginTo(reference, deps, signal);
    for (const blob of new Set(manifest.blobs)) {
      const checksum = parseChecksum(blob)!;
      const blobUrl = `${reference.base}/v2/${reference.repository}/blobs/${blob}`;
      yield { kind: "file", url: blobUrl, headers: login, checksum, path: blobPath(blob) };
    }
  },
};

/** The manifest that is meant, of the wanted platform where there are several. */
async function chosenManifest(
  reference: Reference,
  deps: SourceDeps,
  signal: AbortSignal,
): Promise<{ bytes: Uint8Array; manifest: OciManifest; mediaType: string }> {
  let { version } = reference;
  // An index may name an index, but not for ever.
  for (let depth = 0; depth < 4; depth++) {
    const headers = { accept: ACCEPT, ...(await loginTo(reference, deps, signal)) };
    const url = `${reference.base}/v2/${reference.repository}/manifests/${version}`;
    const { text, bytes, response } = await fetchText(deps.fetch, url, headers, signal);
    const wanted = parseDigest(version);
    if (wanted?.startsWith("sha256:") === true && sha256Digest(bytes) !== wanted) {
      throw new UserError(
        EXIT.digestMismatch,
        `the manifest ${version} has another digest; the registry is wrong`,
      );
    }
    const mediaType = response.header("content-type")?.split(";", 1)[0] ?? "";
    const read = manifestOf(text);
    if (read?.kind === "manifest")
      return { bytes, manifest: read, mediaType: read.mediaType ?? mediaType };
    if (read?.kind !== "index") break;
    version = platformOf(read, deps.options.platform);
  }
  throw new UserError(
    EXIT.originFailed,
    `${reference.host}/${reference.repository} has no manifest that is understood`,
  );
}

/** One login for each registry and repository of a call. */
const logins = new WeakMap<SourceDeps, Map<string, Promise<Record<string, string>>>>();

async function loginTo(
  { base, host, repository }: Reference,
  deps: SourceDeps,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const known = logins.get(deps) ?? new Map<string, Promise<Record<string, string>>>();
  logins.set(deps, known);
  const key = `${base} ${repository}`;
  const login =
    known.get(key) ?? new RegistryLogin(deps, signal).headersFor(base, host, repository);
  known.set(key, login);
  return await login;
}

function parseOciUrl(text: string): Reference {
  const match =
    /^oci:\/\/([\w.-]+(?::\d{1,5})?|\[[0-9a-f:.]+\](?::\d{1,5})?)\/([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::([\w.-]{1,128})|@(sha(?:256|512):[0-9a-f]+))?$/i.exec(
      text,
    );
  const [, host = "", repository = "", tag, digest] = match ?? [];
  if (!match || (digest !== undefined && parseDigest(digest) === undefined)) {
    throw new UserError(
      EXIT.usage,
      `${JSON.stringify(text)} must look like oci://registry/repository:tag, or end in @sha256:...`,
    );
  }
  const isLocal = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/.test(host);
  const place = host === "docker.io" ? "registry-1.docker.io" : host;
  return {
    base: `${isLocal ? "http" : "https"}://${place}`,
    host,
    repository:
      host === "docker.io" && !repository.includes("/") ? `library/${repository}` : repository,
    version: digest ?? tag ?? "latest",
  };
}

function blobPath(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

function content(path: string, value: unknown): FoundEntry {
  return { kind: "content", path, content: Buffer.from(JSON.stringify(value)) };
}
