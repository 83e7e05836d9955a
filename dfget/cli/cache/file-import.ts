import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { open, stat } from "node:fs/promises";
import { basename } from "node:path";

import { formatByteCount } from "../../../platform/quantity.ts";
import { EXIT, UserError } from "../../../platform/user-error.ts";
import type { CachedTask } from "../../daemon/cache-schema.ts";
import { CATALOG_NAME_LENGTH_MAX } from "../../daemon/request-limits.ts";
import { printableText } from "../../../platform/printable-text.ts";
import type { CacheCall } from "./run-cache.ts";

const READ_BYTES = 512 * 1024;

/** `dfget import FILE`: hashes the file, then hands it to the daemon under its digest. */
export async function importFile(call: CacheCall, name: string | undefined): Promise<void> {
  const { client, signal, isJson, print } = call;
  const [path] = call.operands;
  if (path === undefined)
    throw new UserError(EXIT.usage, "there is no file to take in; see dfget import --help");
  checkName(name);
  await using file = await openFile(path);
  const { size } = await file.stat();
  const hash = createHash("sha256");
  for await (const chunk of chunksOf(file, size, signal)) hash.update(chunk);
  const id = `sha256:${hash.digest("hex")}`;
  const shown = encodeURIComponent(name ?? basename(path));
  const task = (await client.ask(
    {
      method: "PUT",
      path: `/v1/tasks/${id}/content?name=${shown}`,
      content: { lengthBytes: size, chunks: chunksOf(file, size, signal) },
    },
    signal,
  )) as CachedTask;
  if (isJson) return print(JSON.stringify(task));
  print(`${printableText(name ?? basename(path))}: ${formatByteCount(size)} as ${task.taskId}`);
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    // To open a pipe would wait for its writer.
    if ((await stat(path)).isFile()) return await open(path, "r");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unreadable";
    throw new UserError(EXIT.localFile, `${path} cannot be read (${code})`, error);
  }
  throw new UserError(EXIT.localFile, `${path} is no regular file`);
}

function checkName(name: string | undefined): void {
  if (name === undefined || (name !== "" && name.length <= CATALOG_NAME_LENGTH_MAX)) return;
  throw new UserError(
    EXIT.usage,
    `--name must have 1 to ${CATALOG_NAME_LENGTH_MAX} characters, not ${name.length}`,
  );
}

/** The first `lengthBytes` of a file; each chunk is valid until the next. */
async function* chunksOf(
  file: FileHandle,
  lengthBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (let offset = 0; offset < lengthBytes;) {
    signal.throwIfAborted();
    const wanted = Math.min(buffer.length, lengthBytes - offset);
    const { bytesRead } = await file.read(buffer, 0, wanted, offset);
    if (bytesRead === 0) return;
    offset += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
