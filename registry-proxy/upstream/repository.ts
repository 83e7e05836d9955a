import { RegistryError } from "../registry-error.ts";
import type { Upstream, UpstreamList } from "./upstream-list.ts";
import { looksLikeRegistry } from "./upstream-list.ts";

/** The longest name of a repository; registries and clients agree on it. */
export const NAME_LENGTH_MAX = 255;

/** A repository of a registry, and how the client called it. */
export interface Repository {
  readonly upstream: Upstream;
  /** Its name at the upstream. */
  readonly name: string;
  /** Its name in the client's request, which may begin with the registry. */
  readonly clientName: string;
}

/**
 * Which repository a request means: of the registry in `?ns=`, else of the one in the first part of the name,
 * else of the default. Throws RegistryError NAME_INVALID.
 */
export function findRepository(
  clientName: string,
  namespace: string | undefined,
  upstreams: UpstreamList,
): Repository {
  if (namespace !== undefined) {
    const upstream = upstreams.find(namespace);
    if (!upstream) throw invalid("the parameter ns does not name a registry such as docker.io");
    return { upstream, name: checkName(clientName), clientName };
  }
  const slash = clientName.indexOf("/");
  const first = withPort(clientName.slice(0, Math.max(slash, 0)));
  if (!looksLikeRegistry(first)) {
    return { upstream: upstreams.default, name: checkName(clientName), clientName };
  }
  const upstream = upstreams.find(first);
  if (!upstream) throw invalid("the first part of the repository's name is not a registry's");
  const rest = clientName.slice(slash + 1);
  const isShort = upstream.registry === "docker.io" && !rest.includes("/");
  return { upstream, name: checkName(isShort ? `library/${rest}` : rest), clientName };
}

/**
 * The name of a registry, whose port some clients cannot write as `:5000` in a path and write as `_5000` instead. No
 * host has such a name.
 */
function withPort(part: string): string {
  return looksLikeRegistry(part) ? part.replace(/_(\d{1,5})$/, ":$1") : part;
}

/** A text that names a repository among all registries, for the keys of caches. */
export function repositoryKey({ upstream, name }: Repository): string {
  return `${upstream.baseUrl} ${name}`;
}

function checkName(name: string): string {
  const part = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
  if (name.length > NAME_LENGTH_MAX || !new RegExp(`^${part}(?:/${part})*$`).test(name)) {
    throw invalid(
      `the repository's name must be at most ${NAME_LENGTH_MAX} lower-case letters, digits and separators`,
    );
  }
  return name;
}

function invalid(message: string): RegistryError {
  return new RegistryError(400, "NAME_INVALID", message);
}
