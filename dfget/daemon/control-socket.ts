import { chmod, lstat, rm } from "node:fs/promises";
import type { Server } from "node:net";
import { connect } from "node:net";
import { dirname } from "node:path";

import type { Clock } from "../../platform/clock.ts";
import { makeDirectory } from "../../platform/make-directory.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import type { HeldLock } from "./lock-file.ts";
import { tryLock } from "./lock-file.ts";

const LOCK_ATTEMPT_MS = 20;
const LOCK_MS_MAX = 5000;
const PROBE_MS_MAX = 2000;

/**
 * Makes a server listen on a unix socket that only its owner can use. A socket that a dead process
 * left is replaced. Throws UserError when a living process answers there, when something else than a
 * socket is in the way, and when the directory cannot be used. Closing the server removes the socket.
 */
export async function bindControlSocket(
  server: Server,
  path: string,
  deps: { readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  try {
    await makeDirectory(dirname(path), 0o700);
    // Two processes that both see a dead socket must not both replace it.
    await using _lock = await waitForLock(`${path}.lock`, deps.clock, signal);
    if (await isAnswering(path)) throw inUse(path);
    await removeSocket(path);
    await listen(server, path);
    await chmod(path, 0o600);
  } catch (error) {
    throw explain(error, path);
  }
}

/** Whether a living process accepts connections at a unix socket. */
export async function isAnswering(path: string): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const socket = connect({ path, timeout: PROBE_MS_MAX });
  socket.once("connect", () => resolve(true));
  // Connecting takes no time on one machine, so a slow answer is that of a busy process.
  socket.once("timeout", () => resolve(true));
  socket.once("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EAGAIN") resolve(true);
    else if (error.code === "EACCES") reject(error);
    else resolve(false);
  });
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

/** The error of a second daemon where one is alive. */
export function inUse(path: string): UserError {
  return new UserError(
    EXIT.addressInUse,
    `a daemon is already running at ${path}; use it, stop it, or choose another place with --socket`,
  );
}

async function waitForLock(path: string, clock: Clock, signal: AbortSignal): Promise<HeldLock> {
  const deadlineMs = clock.nowMs() + LOCK_MS_MAX;
  for (;;) {
    const lock = await tryLock(path);
    if (lock) return lock;
    if (clock.nowMs() >= deadlineMs) {
      throw new UserError(
        EXIT.daemonUnavailable,
        `another process holds ${path}; if none is starting, remove the file`,
      );
    }
    await clock.sleep(LOCK_ATTEMPT_MS, signal);
  }
}

async function removeSocket(path: string): Promise<void> {
  const info = await lstat(path).catch(() => undefined);
  if (!info) return;
  if (!info.isSocket()) {
    throw new UserError(EXIT.usage, `${path} is not a socket; choose another place with --socket`);
  }
  await rm(path, { force: true });
}

async function listen(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  // The socket is made within the call, so nobody else can connect before its mode is set.
  const umask = process.umask(0o177);
  try {
    server.listen({ path }, resolve);
  } finally {
    process.umask(umask);
  }
  await promise;
  server.off("error", reject);
}

function explain(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  switch (code) {
    case "EADDRINUSE":
      return inUse(path);
    case "EACCES":
    case "EPERM":
    case "EROFS":
    case "ENOTDIR":
    case "EEXIST":
    case "ENOENT":
      return new UserError(
        EXIT.localFile,
        `the socket ${path} cannot be made (${code}); choose another place with --socket`,
        error,
      );
    default:
      return error;
  }
}
