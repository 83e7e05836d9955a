import { URL_LENGTH_MAX } from "../../protocol/limits.ts";
import type { Digest } from "../../protocol/digest.ts";
import { parseDigest } from "../../protocol/digest.ts";
import { RegistryError } from "../registry-error.ts";

/** What a request asks for, read from its method, path and query. */
export type RegistryRequest =
  | { readonly route: "ping" | "healthz" | "metrics" }
  | { readonly route: "token"; readonly query: URLSearchParams }
  /** `name` begins with the registry unless the default one is meant; without a tag all are. */
  | { readonly route: "purge"; readonly name: string; readonly tag: string | undefined }
  | {
      readonly route: "manifest";
      readonly name: string;
      readonly namespace: string | undefined;
      readonly reference: { readonly digest: Digest } | { readonly tag: string };
    }
  | {
      readonly route: "blob";
      readonly name: string;
      readonly namespace: string | undefined;
      readonly digest: Digest;
    }
  | {
      readonly route: "tags";
      readonly name: string;
      readonly namespace: string | undefined;
      /** The parameters that the upstream gets. */
      readonly query: URLSearchParams;
    }
  | {
      readonly route: "referrers";
      readonly name: string;
      readonly namespace: string | undefined;
      readonly digest: Digest;
      readonly query: URLSearchParams;
    };

/** Metrics and log records name a request by one of these. */
export type RouteName = RegistryRequest["route"] | "proxy" | "other";

/** Reads a request. Throws RegistryError for what is malformed, unknown or not supported. */
export function parseRegistryRequest(method: string, target: string): RegistryRequest {
  if (target.length > URL_LENGTH_MAX) {
    const message = `the address of the request is longer than ${URL_LENGTH_MAX} characters`;
    throw new RegistryError(414, "NAME_INVALID", message);
  }
  const takesPost = method === "POST" && /^\/(?:token|purge)(?:\?|$)/.test(target);
  if (method !== "GET" && method !== "HEAD" && !takesPost) {
    const message = "this is a read-only mirror; push to the registry itself";
    throw new RegistryError(405, "UNSUPPORTED", message, { allow: "GET, HEAD" });
  }
  const question = target.indexOf("?");
  const path = decodePath(question < 0 ? target : target.slice(0, question));
  if (path === "/healthz") return { route: "healthz" };
  if (path === "/metrics") return { route: "metrics" };
  if (path === "/v2/" || path === "/v2") return { route: "ping" };
  const query = new URLSearchParams(question < 0 ? "" : target.slice(question + 1));
  if (path === "/token") return { route: "token", query };
  if (path === "/purge" && method === "POST") return parsePurge(query.get("image") ?? "");
  if (!path.startsWith("/v2/")) throw unknownRoute();
  const namespace = query.get("ns") ?? undefined;
  query.delete("ns");
  return parseRepositoryPath(path.slice("/v2/".length).split("/"), namespace, query);
}

function parseRepositoryPath(
  parts: readonly string[],
  namespace: string | undefined,
  query: URLSearchParams,
): RegistryRequest {
  const name = parts.slice(0, -2).join("/");
  const [kind, last] = [parts.at(-2), parts.at(-1) ?? ""];
  if (name === "") throw unknownRoute();
  switch (kind) {
    case "manifests":
      return { route: "manifest", name, namespace, reference: parseReference(last) };
    case "blobs":
      return { route: "blob", name, namespace, digest: requireDigest(last) };
    case "referrers":
      return { route: "referrers", name, namespace, digest: requireDigest(last), query };
    case "tags":
      if (last === "list") return { route: "tags", name, namespace, query };
      throw unknownRoute();
    default:
      throw unknownRoute();
  }
}

function parsePurge(image: string): RegistryRequest {
  const match = /^(.+?)(?::([^/:]+))?$/.exec(image);
  if (!match) {
    const message = "name the image, registry/repository:tag, by the parameter image";
    throw new RegistryError(400, "NAME_INVALID", message);
  }
  return { route: "purge", name: match[1]!, tag: match[2] };
}

function parseReference(text: string): { digest: Digest } | { tag: string } {
  if (text.includes(":")) return { digest: requireDigest(text) };
  if (/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(text)) return { tag: text };
  const message =
    "a tag has 1 to 128 letters, digits, dots, dashes and underscores; check the image's name";
  throw new RegistryError(400, "TAG_INVALID", message);
}

function requireDigest(text: string): Digest {
  const digest = parseDigest(text);
  if (digest) return digest;
  const message = "a digest is sha256: and 64, or sha512: and 128, lower-case hexadecimal digits";
  throw new RegistryError(400, "DIGEST_INVALID", message);
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new RegistryError(400, "NAME_INVALID", "the path of the request is not well encoded");
  }
}

function unknownRoute(): RegistryError {
  return new RegistryError(404, "UNSUPPORTED", "the mirror has no such route; see its manual");
}
