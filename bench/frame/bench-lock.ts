import { createHash } from "node:crypto";
import { once } from "node:events";
import { access, constants } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";

import { EXIT, UserError } from "../../platform/user-error.ts";

/** How long a bench that holds the lock may take to say its process id. */
const ANSWER_MS_MAX = 1000;

/**
 * Takes the lock of a bench for this machine and its place for temporary files: two runs at once would measure each other.
 * The lock is an abstract socket of Linux, so the kernel frees it however the process ends. Throws UserError when another run has it,
 * and when nothing can be written in that place.
 */
export async function lockBench(name: string): Promise<AsyncDisposable> {
  await access(tmpdir(), constants.W_OK).catch((error: unknown) => {
    throw new UserError(
      EXIT.localFile,
      `temporary files cannot be written in ${tmpdir()}; set TMPDIR to a directory where they can`,
      error,
    );
  });
  const path = socketName(name);
  const server = createServer((socket) => socket.on("error", () => {}).end(String(process.pid)));
  server.unref();
  try {
    server.listen(path);
    await once(server, "listening");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    throw new UserError(
      EXIT.addressInUse,
      `another run of bench:${name} is going on${await holderOf(path)}; the two would measure each other, so wait for it or end it`,
    );
  }
  return {
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}

function socketName(name: string): string {
  // The name of a socket has room for 107 bytes.
  const place = createHash("sha256").update(tmpdir()).digest("hex").slice(0, 16);
  return `\0darter-bench-${name}-${place}`;
}

async function holderOf(path: string): Promise<string> {
  const socket = createConnection(path).setEncoding("utf8");
  try {
    const [pid] = await once(socket, "data", { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    return ` (process ${pid})`;
  } catch {
    return "";
  } finally {
    socket.destroy();
  }
}
