import { EXIT, UserError } from "../../platform/user-error.ts";
import { parseChecksum } from "../cli/checksum.ts";
import { fetchText } from "./read-body.ts";
import { safePath } from "./safe-path.ts";
import type { FoundEntry, Source, SourceDeps } from "./source.ts";

/** A repository at a version, and what of it is wanted. */
interface Repository {
  readonly kind: "models" | "datasets" | "spaces";
  readonly name: string;
  readonly revision: string;
  /** A file, or a directory; "" for all. */
  readonly path: string;
}

/** Repositories of Hugging Face: `hf://org/model[@revision][/path]`, also `hf://datasets/org/name`. */
export const hfSource: Source = {
  schemes: ["hf:"],
  async *find(url, deps, signal) {
    const repository = parseHfUrl(url);
    let count = 0;
    for await (const entry of listFiles(repository, deps, signal)) {
      const { path } = repository;
      const isMeant = path === "" || entry.path === path || entry.path.startsWith(`${path}/`);
      if (!isMeant) continue;
      count += 1;
      yield found(entry, repository, deps);
    }
    if (count > 0) return;
    const where =
      repository.path === "" ? repository.name : `${repository.path} of ${repository.name}`;
    throw new UserError(
      EXIT.notFound,
      `there is no file in ${where} at ${repository.revision}; check the name`,
    );
  },
};

interface ListedFile {
  readonly path: string;
  /** The sha256 of a large file. */
  readonly sha256: string | undefined;
}

function found(
  { path, sha256 }: ListedFile,
  { kind, name, revision, path: wanted }: Repository,
  { options: { hfEndpoint }, env }: SourceDeps,
): FoundEntry {
  const checksum = sha256 === undefined ? undefined : parseChecksum(`sha256:${sha256}`);
  const prefix = kind === "models" ? "" : `${kind}/`;
  const file = path.split("/").map(encodeURIComponent).join("/");
  return {
    kind: "file",
    url: `${baseOf(hfEndpoint)}/${prefix}${name}/resolve/${encodeURIComponent(revision)}/${file}`,
    headers: headersOf(env),
    ...(path === wanted ? {} : { path }),
    ...(checksum === undefined ? {} : { checksum }),
  };
}

async function* listFiles(
  { kind, name, revision }: Repository,
  { fetch, env, options }: SourceDeps,
  signal: AbortSignal,
): AsyncGenerator<ListedFile> {
  const base = baseOf(options.hfEndpoint);
  let url: string | undefined =
    `${base}/api/${kind}/${name}/tree/${encodeURIComponent(revision)}?recursive=true`;
  while (url !== undefined) {
    const { text, response } = await fetchText(fetch, url, headersOf(env), signal);
    for (const entry of parseTree(text, name)) yield entry;
    const next: string | undefined = /<([^>]+)>;\s*rel="next"/.exec(
      response.header("link") ?? "",
    )?.[1];
    // A token goes to the place that it is for, wherever a page sends us.
    url = next !== undefined && URL.parse(next)?.origin === new URL(base).origin ? next : undefined;
  }
}

function parseTree(text: string, name: string): ListedFile[] {
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch {
    entries = undefined;
  }
  if (!Array.isArray(entries)) {
    throw new UserError(
      EXIT.originFailed,
      `what lists ${name} is no list of files; check --hf-endpoint`,
    );
  }
  return entries.flatMap(
    (entry: { type?: unknown; path?: unknown; lfs?: { oid?: unknown } } | null) => {
      const { type, path, lfs } = entry ?? {};
      const isSafe = typeof path === "string" && safePath(path.split("/")) === path;
      if (type !== "file" || !isSafe) return [];
      return [{ path, sha256: typeof lfs?.oid === "string" ? lfs.oid : undefined }];
    },
  );
}

function parseHfUrl(text: string): Repository {
  const match =
    /^hf:\/\/(?:(models|datasets|spaces)\/)?([\w.-]+\/[\w.-]+)(?:@([^/@]+))?(?:\/(.*?))?\/*$/s.exec(
      text,
    );
  if (!match) {
    throw new UserError(
      EXIT.usage,
      `${JSON.stringify(text)} must look like hf://org/model, hf://org/model@revision/path or hf://datasets/org/name`,
    );
  }
  const [, kind = "models", name = "", revision = "main", path = ""] = match;
  return { kind: kind as Repository["kind"], name, revision: decodeURIComponent(revision), path };
}

function headersOf(env: SourceDeps["env"]): Record<string, string> {
  const token = env["HF_TOKEN"] ?? "";
  return token === "" ? {} : { authorization: `Bearer ${token}` };
}

function baseOf(endpoint: string): string {
  const url = URL.parse(endpoint);
  if (url && (url.protocol === "http:" || url.protocol === "https:"))
    return endpoint.replace(/\/+$/, "");
  throw new UserError(
    EXIT.usage,
    `--hf-endpoint must be an http or https URL, not ${JSON.stringify(endpoint)}`,
  );
}
