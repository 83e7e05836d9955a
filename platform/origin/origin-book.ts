import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

import type { Fields, FileProblem } from "../field-reader.ts";
import { FieldReader, readYaml } from "../field-reader.ts";
import { EXIT, UserError } from "../user-error.ts";
import type { OriginTls } from "./origin-agent.ts";
import { parseRegistryName } from "./registry-content.ts";

/** The most entries of one file; each request looks through them. */
export const ENTRIES_MAX = 1000;

/** How one origin, or several, are asked. */
export interface OriginEntry {
  readonly matches: (url: URL) => boolean;
  readonly tls: OriginTls | undefined;
  /** Sent along where the request has no such header. */
  readonly headers: ReadonlyMap<string, string>;
  /** Places that are asked before the origin itself, in order. Their paths come before that of the request. */
  readonly mirrors: readonly URL[];
  /** Tried on names of repositories; every name is allowed when it is empty. */
  readonly allow: readonly RegExp[];
  readonly deny: readonly RegExp[];
}

/** What the operator said about single origins. The first entry that names an origin holds for it. */
export class OriginBook {
  readonly #entries: readonly OriginEntry[];

  constructor(entries: readonly OriginEntry[] = []) {
    this.#entries = entries;
  }

  /** Reads the file of `--origins`; an empty book without one. Throws UserError (usage) that says where and what is wrong. */
  static load(path: string | undefined): OriginBook {
    if (path === undefined) return new OriginBook();
    const problem: FileProblem = (what) =>
      new UserError(EXIT.usage, `the file of origins ${path}: ${what}`);
    return parseOriginBook(readYaml(path, problem), dirname(path), problem);
  }

  /** How an origin is asked; undefined where nothing was said about it. */
  entryOf(url: URL): OriginEntry | undefined {
    return this.#entries.find(({ matches }) => matches(url));
  }

  /** Why nobody may have a repository of a registry; undefined where he may. */
  refusal(registry: URL, repository: string): string | undefined {
    const entry = this.entryOf(registry);
    if (!entry) return undefined;
    const { allow, deny } = entry;
    const isAllowed = allow.length === 0 || allow.some((pattern) => pattern.test(repository));
    if (isAllowed && !deny.some((pattern) => pattern.test(repository))) return undefined;
    return `the repository ${repository} of ${registry.host} is not allowed here; ask the operator of the nodes`;
  }

  /** Why nobody may have what a URL names; undefined where he may, and for what is in no repository. */
  refusalOf(url: URL): string | undefined {
    const name = parseRegistryName(url);
    return name === undefined ? undefined : this.refusal(url, name);
  }

  /** The mirrors as patterns of `--allow-origin`: naming one allows its address. */
  get originPatterns(): string[] {
    return this.#entries.flatMap(({ mirrors }) =>
      mirrors.map(({ hostname, port, protocol }) => {
        const usual = protocol === "https:" ? "443" : "80";
        return `${hostname}:${port === "" ? usual : port}`;
      }),
    );
  }
}

/** Reads what such a file holds; paths in it are relative to `directory`. */
export function parseOriginBook(
  content: unknown,
  directory: string,
  problem: FileProblem,
): OriginBook {
  const reader = new FieldReader(problem);
  const file = reader.fields(content ?? {}, "the file", ["origins"]);
  const entries = reader.list(file["origins"], "origins");
  if (entries.length > ENTRIES_MAX) throw problem(`it has more than ${ENTRIES_MAX} origins`);
  return new OriginBook(
    entries.map((each, index) => entryOf(reader, each, `origins[${index}]`, directory)),
  );
}

const KEYS = ["host", "ca", "cert", "key", "insecure", "headers", "mirrors", "allow", "deny"];

function entryOf(
  reader: FieldReader,
  content: unknown,
  where: string,
  directory: string,
): OriginEntry {
  const fields = reader.fields(content, where, KEYS);
  const patterns = (key: string): RegExp[] =>
    reader
      .list(fields[key], `${where}.${key}`)
      .map((each, index) => reader.pattern(each, `${where}.${key}[${index}]`));
  return {
    matches: hostOf(reader, fields["host"], `${where}.host`),
    tls: tlsOf(reader, fields, where, directory),
    headers: headersOf(reader, fields["headers"] ?? {}, `${where}.headers`),
    mirrors: reader
      .list(fields["mirrors"], `${where}.mirrors`)
      .map((each, index) => mirrorOf(reader, each, `${where}.mirrors[${index}]`)),
    allow: patterns("allow"),
    deny: patterns("deny"),
  };
}

const DOCKER_HUB = /^(?:index\.)?docker\.io$/;

/** `host`, on any port, `host:port`, `*.domain` or `*`. */
function hostOf(reader: FieldReader, content: unknown, where: string): (url: URL) => boolean {
  const text = reader.required(content, where).toLowerCase();
  const match = /^(\*|(?:\*\.)?[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/.exec(text);
  if (!match) throw reader.problem(`${where} is neither a host, host:port, *.domain nor *`);
  const [, name = "", port] = match;
  const wanted = DOCKER_HUB.test(name) ? "registry-1.docker.io" : name;
  return ({ hostname, port: asked, protocol }) => {
    const own = asked === "" ? (protocol === "https:" ? "443" : "80") : asked;
    if (port !== undefined && port !== own) return false;
    if (wanted === "*") return true;
    return wanted.startsWith("*.") ? hostname.endsWith(wanted.slice(1)) : hostname === wanted;
  };
}

function tlsOf(
  reader: FieldReader,
  fields: Fields,
  where: string,
  directory: string,
): OriginTls | undefined {
  const pem = (key: string): string | undefined => {
    const path = reader.text(fields[key], `${where}.${key}`);
    if (path === undefined) return undefined;
    try {
      return readFileSync(resolve(directory, path), "utf8");
    } catch (error) {
      throw reader.problem(`${where}.${key} cannot be read: ${(error as Error).message}`);
    }
  };
  const [ca, cert, key] = [pem("ca"), pem("cert"), pem("key")];
  const isInsecure = reader.flag(fields["insecure"], `${where}.insecure`);
  if (key !== undefined && cert === undefined)
    throw reader.problem(`${where} has a key without cert`);
  if (ca === undefined && cert === undefined && !isInsecure) return undefined;
  return {
    isInsecure,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

function headersOf(reader: FieldReader, content: unknown, where: string): Map<string, string> {
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(reader.fields(content, where))) {
    const text = reader.required(value, `${where}.${name}`);
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || /[^\t\x20-\x7e]/.test(text)) {
      throw reader.problem(`${where}.${name} cannot be sent as a header`);
    }
    headers.set(name.toLowerCase(), text);
  }
  return headers;
}

function mirrorOf(reader: FieldReader, content: unknown, where: string): URL {
  const url = URL.parse(reader.required(content, where));
  const isHttp = url?.protocol === "http:" || url?.protocol === "https:";
  if (!url || !isHttp || url.search !== "" || url.hash !== "" || url.username !== "") {
    throw reader.problem(`${where} is no URL such as https://mirror.example.com/path`);
  }
  return url;
}
