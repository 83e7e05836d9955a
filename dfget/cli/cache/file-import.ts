import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import { basename } from "node:path";

import { formatByteCount } from "../../../platform/quantity.ts";
import { EXIT, UserError } from "../../../platform/user-error.ts";
import type { CachedTask } from "../../daemon/cache-schema.ts";
import { printableText } from "../printable-text.ts";
import type { CacheCall } from "./run-cache.ts";

const READ_BYTES = 512 * 1024;

/** `dfget import FILE`: hashes the file, then hands it to the daemon under its digest. */
export async function importFile(call: CacheCall, name: string | undefined): Promise<void> {
  const { client, signal, isJson, print } = call;
  const [path] = call.operands;
  if (path === undefined)
    throw new UserError(EXIT.usage, "dfget import needs a file; see dfget import --help");
  await using file = await openFile(path);
  const { size, isFile } = await statOf(file);
  if (!isFile) throw new UserError(EXIT.localFile, `${path} is no regular file`);
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
    return await open(path, "r");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unreadable";
    throw new UserError(EXIT.localFile, `${path} cannot be read (${code})`, error);
  }
}

async function statOf(file: FileHandle): Promise<{ size: number; isFile: boolean }> {
  const info = await file.stat();
  return { size: info.size, isFile: info.isFile() };
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
