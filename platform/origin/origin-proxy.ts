/** Variables of the environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy that the environment names for an origin, by the variables that other programs read too: `http_proxy`,
 * `https_proxy`, `all_proxy`, `no_proxy`, in either case but for HTTP_PROXY, which a web server may have set from a
 * client's header. Returns undefined for none, and for one that is no HTTP proxy.
 */
export function proxyOf(origin: URL, env: Environment): URL | undefined {
  if (isExempt(origin, env["no_proxy"] ?? env["NO_PROXY"] ?? "")) return undefined;
  const own =
    origin.protocol === "https:"
      ? (env["https_proxy"] ?? env["HTTPS_PROXY"])
      : (env["http_proxy"] ??
        (env["REQUEST_METHOD"] === undefined ? env["HTTP_PROXY"] : undefined));
  const text = own ?? env["all_proxy"] ?? env["ALL_PROXY"] ?? "";
  if (text === "") return undefined;
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  return url && (url.protocol === "http:" || url.protocol === "https:") ? url : undefined;
}

/** Whether a list such as "localhost,.example.com,10.0.0.1:8080" names the origin; "*" names all. */
function isExempt({ hostname, port, protocol }: URL, list: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  const ownPort = port === "" ? (protocol === "https:" ? "443" : "80") : port;
  return list
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => {
      if (entry === "*") return true;
      const [, name = "", wantedPort] =
        /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
      if (wantedPort !== undefined && wantedPort !== ownPort) return false;
      const domain = name.replace(/^\*?\./, "");
      return domain !== "" && (host === domain || host.endsWith(`.${domain}`));
    });
}
