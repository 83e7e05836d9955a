import { isAbsolute, join, resolve } from "node:path";

import { EXIT, UserError } from "../../platform/user-error.ts";

/** What the kernel's address of a unix socket can hold, without the NUL (unix(7)). */
const SOCKET_PATH_BYTES_MAX = 107;

/**
 * Where the daemon of this user listens: `socket` when given, else /run/darter/dfget.sock for root,
 * else darter/dfget.sock in $XDG_RUNTIME_DIR, else in the data directory. Throws UserError (usage)
 * for a path that no socket can have.
 */
export function socketPathOf(
  socket: string | undefined,
  dataDir: string,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const path = resolve(socket === undefined || socket === "" ? usualPath(dataDir, env) : socket);
  const lengthBytes = Buffer.byteLength(path);
  if (lengthBytes > SOCKET_PATH_BYTES_MAX) {
    throw new UserError(
      EXIT.usage,
      `the socket path ${path} has ${lengthBytes} bytes, but the system takes at most ${SOCKET_PATH_BYTES_MAX}; choose a shorter one with --socket`,
    );
  }
  return path;
}

function usualPath(dataDir: string, env: Readonly<Record<string, string | undefined>>): string {
  if (process.getuid?.() === 0) return "/run/darter/dfget.sock";
  const runtimeDir = env["XDG_RUNTIME_DIR"];
  if (runtimeDir !== undefined && isAbsolute(runtimeDir)) {
    return join(runtimeDir, "darter", "dfget.sock");
  }
  return join(dataDir, "dfget.sock");
}
