/** What a page that lists a directory names. */
export interface ListedName {
  readonly name: string;
  readonly isDirectory: boolean;
}

/**
 * Reads the page by which a server lists the directory at `url`, which ends in "/": the HTML of nginx and Apache, or
 * the JSON of nginx. Names outside of the directory are left out. Returns undefined for what is no listing.
 */
export function readListing(text: string, url: string): ListedName[] | undefined {
  const start = text.trimStart();
  if (start.startsWith("[")) return readJson(start);
  if (!start.startsWith("<")) return undefined;
  const { origin, pathname } = new URL(url);
  const names = new Map<string, ListedName>();
  for (const [, double, single, bare] of text.matchAll(
    /<a\s[^>]*?href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/gi,
  )) {
    const listed = listedName(withoutEntities(double ?? single ?? bare ?? ""), {
      url,
      origin,
      pathname,
    });
    if (listed) names.set(`${listed.name}/${listed.isDirectory}`, listed);
  }
  return [...names.values()];
}

function readJson(text: string): ListedName[] | undefined {
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(entries)) return undefined;
  return entries.flatMap((entry: { name?: unknown; type?: unknown } | null) => {
    const { name, type } = entry ?? {};
    if (typeof name !== "string" || name === "") return [];
    return [{ name, isDirectory: type === "directory" }];
  });
}

/** The name that a link means; undefined where it leads elsewhere, as those for sorting do. */
function listedName(
  href: string,
  base: { readonly url: string; readonly origin: string; readonly pathname: string },
): ListedName | undefined {
  const target = URL.parse(href, base.url);
  if (!target || target.origin !== base.origin || target.search !== "" || target.hash !== "") {
    return undefined;
  }
  if (!target.pathname.startsWith(base.pathname)) return undefined;
  const [, part, slash] = /^([^/]+)(\/?)$/.exec(target.pathname.slice(base.pathname.length)) ?? [];
  if (part === undefined) return undefined;
  try {
    return { name: decodeURIComponent(part), isDirectory: slash === "/" };
  } catch {
    return undefined;
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

function withoutEntities(text: string): string {
  return text.replaceAll(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w+));/gi, (whole, ten, hex, name) => {
    const code = ten === undefined ? Number.parseInt(String(hex), 16) : Number(ten);
    if (name !== undefined) return ENTITIES[String(name)] ?? whole;
    return code <= 0x10_ff_ff ? String.fromCodePoint(code) : whole;
  });
}
