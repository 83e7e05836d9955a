import { posix } from "node:path";

import type { Digest } from "../../protocol/digest.ts";
import { parseDigest } from "../../protocol/digest.ts";
import { SCOPE_LENGTH } from "../../protocol/task-id.ts";
import { sha256 } from "../digest-check.ts";

/** Content of a registry as a URL names it. */
export interface RegistryContent {
  /** Scheme, host and port: whose word decides who may have it. */
  readonly authority: string;
  /** The URL up to the repository's name, included. */
  readonly repositoryUrl: string;
  readonly kind: "blobs" | "manifests";
  readonly digest: Digest;
}

/**
 * Reads the address of a blob or a manifest by its digest in a registry (OCI distribution specification). Returns
 * undefined for every other URL, for one with a query, and for one whose path is written in an unusual way.
 */
export function parseRegistryContent(url: string): RegistryContent | undefined {
  const parsed = URL.parse(url);
  if (!parsed || (parsed.protocol !== "http:" && parsed.protocol !== "https:")) return undefined;
  const match = /^(\/v2\/[a-z0-9._/-]+)\/(blobs|manifests)\/([a-z0-9:]+)$/.exec(parsed.pathname);
  const digest = parseDigest(match?.[3] ?? "");
  if (!match || !digest || url !== `${parsed.origin}${parsed.pathname}`) return undefined;
  return {
    authority: parsed.origin,
    repositoryUrl: `${parsed.origin}${match[1]}`,
    kind: match[2] as RegistryContent["kind"],
    digest,
  };
}

/**
 * The name of the repository that a URL of a registry is about, as the registry reads it, however it is written there; undefined
 * for other URLs.
 */
export function parseRegistryName({ pathname }: URL): string | undefined {
  const path = posix.normalize(decoded(pathname));
  return /^\/v2\/(.+)\/(?:manifests|blobs|tags|referrers)\/./.exec(path)?.[1];
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** The scope of private tasks whose content comes from an authority, see TaskId. */
export function scopeOf(authority: string): string {
  const hash = Buffer.from(sha256(`darter scope 1\n${authority}`)).toString("hex");
  return hash.slice(0, SCOPE_LENGTH);
}
