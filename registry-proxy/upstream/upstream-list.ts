import { optionError, serverUrlOption } from "../../platform/option-value.ts";

/** A registry that images come from. */
export interface Upstream {
  /** As image names call it, lower case, with a port unless it is the usual one: `docker.io`. */
  readonly registry: string;
  /** Scheme, host and port of its API, without a slash at the end. */
  readonly baseUrl: string;
}

const DOCKER_HUB: Upstream = { registry: "docker.io", baseUrl: "https://registry-1.docker.io" };

/** Names that all mean Docker Hub. */
const DOCKER_HUB_NAMES = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"]);

/** The registries that `--upstream` names, and how any other is reached. */
export class UpstreamList {
  readonly #listed: readonly Upstream[];

  /** Reads the values of `--upstream`. Throws UserError (usage) with a sentence for one that is no registry. */
  constructor(urls: readonly string[]) {
    this.#listed = urls.map(parseUpstream);
  }

  /** The registry of requests that name none. */
  get default(): Upstream {
    return this.#listed[0] ?? DOCKER_HUB;
  }

  /** The listed registries as patterns of `--allow-origin`: naming an upstream allows its address. */
  get originPatterns(): string[] {
    return this.#listed.map(({ baseUrl }) => {
      const url = new URL(baseUrl);
      return `${url.hostname}:${portOf(url)}`;
    });
  }

  /**
   * The registry of that name as images and clients write it, `host` or `host:port`: a listed one, else one
   * reached by HTTPS. Returns undefined for what cannot name a registry.
   */
  find(name: string): Upstream | undefined {
    const host = name.toLowerCase();
    if (!isRegistryName(host)) return undefined;
    const isDockerHub = DOCKER_HUB_NAMES.has(host.replace(/:443$/, ""));
    const wanted = isDockerHub ? DOCKER_HUB.baseUrl : `https://${host}`;
    const listed = this.#listed.find(({ baseUrl }) => isSamePlace(new URL(baseUrl), host, wanted));
    if (listed) return listed;
    if (isDockerHub) return DOCKER_HUB;
    const url = URL.parse(wanted);
    return url ? { registry: url.host, baseUrl: url.origin } : undefined;
  }
}

/** Whether the first part of a repository's path looks like the name of a registry, as clients decide it. */
export function looksLikeRegistry(part: string): boolean {
  return part === "localhost" || /[.:]/.test(part);
}

/** Whether a text names a registry, `host` or `host:port`, in lower case. */
export function isRegistryName(host: string): boolean {
  if (host.length > 260) return false;
  return /^(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/.test(host);
}

/** A port that is left out means the usual one of the scheme by which the listed registry is reached. */
function isSamePlace(listed: URL, host: string, wanted: string): boolean {
  if (listed.origin === wanted) return true;
  const asked = URL.parse(`${listed.protocol}//${host}`);
  return asked !== null && asked.origin === listed.origin;
}

function parseUpstream(text: string): Upstream {
  const address = text.includes("://") ? text : `https://${text}`;
  const must = "must be the URL of a registry, such as http://registry.example.com:5000";
  const url = serverUrlOption("upstream", address, must);
  if (!isRegistryName(url.host)) throw optionError("upstream", must, text);
  if (!DOCKER_HUB_NAMES.has(url.hostname)) return { registry: url.host, baseUrl: url.origin };
  url.hostname = new URL(DOCKER_HUB.baseUrl).hostname;
  return { registry: DOCKER_HUB.registry, baseUrl: url.origin };
}

function portOf(url: URL): string {
  if (url.port !== "") return url.port;
  return url.protocol === "https:" ? "443" : "80";
}
