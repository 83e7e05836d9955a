import { createHash } from "node:crypto";
import { createReadStream, existsSync, statSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";

import { EXIT, UserError } from "../../platform/user-error.ts";
import type { DfgetConfig } from "./download-plan.ts";
import { fileFailure } from "./file-failure.ts";
import { isDirect } from "./option-conflicts.ts";
import { shortened } from "./part-name.ts";
import type { BatchSummary, Reporter } from "./reporter.ts";
import { NOTHING_DONE } from "./reporter.ts";
import { tarEnd, tarHeader, tarPadding } from "./tar-format.ts";
import { openTargetFile } from "./target-file.ts";

/** The tar file that an image goes into; undefined where something else is meant. */
export function archivePathOf(config: DfgetConfig, urls: readonly string[]): string | undefined {
  const { output } = config;
  const isImage = urls.length === 1 && /^oci:/i.test(urls[0]!);
  if (!isImage || output === undefined || !/\.tar$/i.test(output)) return undefined;
  return statSync(output, { throwIfNoEntry: false })?.isDirectory() === true ? undefined : output;
}

/**
 * Downloads an image into a hidden directory beside `path`, which outlives an interruption, and packs it into the tar
 * file. `download` runs with the options that it is given. Throws UserError, or the signal's reason.
 */
export async function downloadArchive(
  path: string,
  url: string,
  config: DfgetConfig,
  deps: { readonly reporter: Reporter; readonly signal: AbortSignal },
  download: (config: DfgetConfig) => Promise<BatchSummary>,
): Promise<BatchSummary> {
  const { reporter, signal } = deps;
  if (config.hardLink) {
    const sentence =
      "--hard-link and a tar file exclude each other: what is packed cannot be linked";
    throw new UserError(EXIT.usage, `${sentence}; leave one of them out`);
  }
  if (!config.clobber && existsSync(path)) {
    reporter
      .file({ name: basename(path), output: path })
      .skipped("is there already and was left alone");
    return { ...NOTHING_DONE, skipped: 1 };
  }
  // Before anything is asked for, so that a target that cannot be written costs nobody a byte.
  await using target = await openTargetFile(path, signal);
  // The rights are those of the tar file.
  const { mode, ...others } = config;
  const directory = join(dirname(path), layoutName(path, url, config.platform));
  const summary = await download({
    ...others,
    output: directory,
    // What an earlier run has brought is known by its digest, and a link costs nothing.
    continue: true,
    overwrite: false,
    clobber: true,
    hardLink: !isDirect(config),
  });
  try {
    for await (const chunk of packed(directory, signal)) await target.write(chunk);
    await target.commit({
      mode: mode === undefined ? undefined : Number.parseInt(mode, 8),
    });
    await rm(directory, { recursive: true, force: true });
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof UserError ? error : fileFailure(error, path);
  }
  return summary;
}

/** The same name for the same image, so that the next run finds what this one has brought. */
function layoutName(path: string, url: string, platform: string): string {
  const word = createHash("sha256")
    .update(JSON.stringify([url, platform]))
    .digest("hex");
  const ending = `.${word.slice(0, 12)}.dfget`;
  return `.${shortened(basename(path), ending.length + 1)}${ending}`;
}

/** The files of a directory as a tar file, the same bytes for the same files. */
async function* packed(directory: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    .map((entry) => ({
      isDirectory: entry.isDirectory(),
      path: join(entry.parentPath, entry.name),
    }))
    // A directory comes before what is in it.
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  for (const { path, isDirectory } of paths) {
    const name = relative(directory, path);
    if (isDirectory) {
      yield tarHeader({ name: `${name}/`, lengthBytes: 0, mode: 0o755 });
      continue;
    }
    const lengthBytes = (await stat(path)).size;
    yield tarHeader({ name, lengthBytes, mode: 0o644 });
    let readBytes = 0;
    for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) {
      signal.throwIfAborted();
      readBytes += chunk.length;
      yield chunk;
    }
    if (readBytes !== lengthBytes) {
      throw new UserError(EXIT.localFile, `${path} changed while it was packed; try again`);
    }
    yield tarPadding(lengthBytes);
  }
  yield tarEnd();
}
