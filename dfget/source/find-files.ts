import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { EXIT, UserError } from "../../platform/user-error.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { failureOf } from "../cli/daemon-client.ts";
import { fileFailure } from "../cli/file-failure.ts";
import type { DfgetConfig } from "../cli/download-plan.ts";
import { directClient } from "../cli/direct/direct-engine.ts";
import { readHeaderOptions } from "../cli/header-option.ts";
import { nameFilter } from "./name-filter.ts";
import type { FoundEntry, Source, SourceDeps, WantedFile } from "./source.ts";

/** The sources, loaded when a URL of theirs is met. */
const SOURCES: Readonly<Record<string, () => Promise<Source>>> = {
  "http:": async () => (await import("./http-source.ts")).httpSource,
  "https:": async () => (await import("./http-source.ts")).httpSource,
  "s3:": async () => (await import("./s3-source.ts")).s3Source,
  "hf:": async () => (await import("./hf-source.ts")).hfSource,
  "oci:": async () => (await import("./oci-source.ts")).ociSource,
};

/** Whether a URL has to be looked at before it is known what is to be downloaded. */
export function needsSource(config: DfgetConfig, urls: readonly string[]): boolean {
  return config.recursive || urls.some((url) => /^(?:s3|hf|oci):/i.test(url));
}

/** What URLs stand for: files to download, and what can be made at once. */
export interface FoundFiles {
  readonly files: WantedFile[];
  /** Directories, in the order in which they are made. */
  readonly directories: Set<string>;
  readonly contents: { readonly path: string; readonly content: Uint8Array }[];
  /** Sentences about what is left out. */
  readonly notes: string[];
}

/** Finds what URLs stand for; nothing is made yet. Throws UserError, or the signal's reason. */
export async function findFiles(
  config: DfgetConfig,
  urls: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<FoundFiles> {
  await using client = directClient(config);
  const deps: SourceDeps = {
    fetch: client.fetch,
    env,
    headers: readHeaderOptions(config.header),
    options: {
      isRecursive: config.recursive,
      maxDepth: config.maxDepth,
      s3Endpoint: config.s3Endpoint,
      s3Region: config.s3Region,
      hfEndpoint: config.hfEndpoint,
      platform: config.platform === "" ? `linux/${architecture()}` : config.platform,
    },
  };
  const found: FoundFiles = { files: [], directories: new Set(), contents: [], notes: [] };
  try {
    for (const url of urls) {
      const source = await sourceOf(url);
      const base = config.output === undefined ? directoryNameOf(url) : "";
      await collect(source.find(url, deps, signal), { config, base, found });
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof ProtocolError ? failureOf(error.code, error.message) : error;
  }
  return found;
}

/** Writes the files whose content is known. Throws UserError (local file). */
export async function writeContents({ contents }: FoundFiles): Promise<void> {
  for (const { path, content } of contents) {
    await writeFile(path, content).catch((error: unknown) => {
      throw fileFailure(error, path);
    });
  }
}

/** The architecture of this machine, as images name it. */
function architecture(): string {
  return process.arch === "x64" ? "amd64" : process.arch;
}

async function collect(
  entries: AsyncIterable<FoundEntry>,
  { config, base, found }: { config: DfgetConfig; base: string; found: FoundFiles },
): Promise<void> {
  const isWanted = nameFilter(config.include, config.exclude);
  const hasPatterns = config.include.length > 0 || config.exclude.length > 0;
  const root = config.output ?? "";
  for await (const entry of entries) {
    if (entry.kind === "left-out") {
      found.notes.push(entry.sentence);
      continue;
    }
    if (entry.kind === "file" && entry.path === undefined) {
      found.files.push(entry);
      continue;
    }
    const path = entry.path!;
    if (entry.kind === "file" && !isWanted(path)) continue;
    // With patterns, only the directories that something goes into are made.
    if (entry.kind === "directory" && hasPatterns) continue;
    if (root === "-") throw manyToOne();
    const place = join(base, path);
    found.directories.add(join(root, entry.kind === "directory" ? place : dirname(place)));
    if (entry.kind === "content") {
      found.contents.push({ path: join(root, place), content: entry.content });
    }
    if (entry.kind !== "file") continue;
    found.files.push({ ...entry, path: place });
    if (found.files.length > config.maxFiles) throw tooMany(config.maxFiles);
  }
}

function manyToOne(): UserError {
  return new UserError(
    EXIT.usage,
    "several files cannot go to standard output; name a directory with -o, or a .tar file for an image",
  );
}

function tooMany(count: number): UserError {
  return new UserError(
    EXIT.usage,
    `there are more than ${count} files; ask for less, or raise --max-files`,
  );
}

async function sourceOf(url: string): Promise<Source> {
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(url)?.[0].toLowerCase();
  const load = scheme === undefined ? undefined : SOURCES[scheme];
  if (load) return await load();
  const known = Object.keys(SOURCES).map((each) => `${each}//`);
  throw new UserError(
    EXIT.usage,
    `${JSON.stringify(url)} is not a URL that dfget knows; it must begin with one of ${known.join(", ")}`,
  );
}

/** The directory that several files go to where none was named: the last part of the URL. */
function directoryNameOf(url: string): string {
  const [path = ""] = url.split(/[?#]/, 1);
  const parts = path
    .replace(/^[a-z0-9+.-]+:\/\//i, "")
    .split("/")
    .filter((part) => part !== "");
  const last = (parts.at(-1) ?? "").replace(/[:@].*$/, "");
  return last === "" || last === "." || last === ".." ? "files" : last;
}
