import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { EXIT, UserError } from "../../platform/user-error.ts";
import { DaemonClient } from "../cli/daemon-client.ts";
import type { DaemonStatus } from "./api-schema.ts";

/** Notes beside the pieces which socket their process listens on. It need not be taken away: who reads it asks there. */
export async function noteOwner(dataDir: string, socketPath: string): Promise<void> {
  await writeFile(join(dataDir, "owner"), socketPath, { mode: 0o600 }).catch(() => undefined);
}

/**
 * Throws UserError (address in use) that names the process which listens on the socket already, or uses the data
 * directory.
 */
export async function refuseSecond(
  socketPath: string,
  dataDir: string,
  signal: AbortSignal,
): Promise<void> {
  const atSocket = await statusAt(socketPath, signal);
  if (atSocket) {
    throw new UserError(
      EXIT.addressInUse,
      `a daemon is already running at ${socketPath}, process ${atSocket.pid}; use it, stop it, or choose another place with --socket`,
    );
  }
  const other = await readFile(join(dataDir, "owner"), "utf8").catch(() => undefined);
  if (other === undefined || other === socketPath) return;
  const owner = await statusAt(other, signal);
  if (owner?.dataDir !== dataDir) return;
  throw new UserError(
    EXIT.addressInUse,
    `the data directory ${dataDir} is in use by process ${owner.pid}, whose socket is ${other}; use that, stop it, or choose another directory with --data-dir`,
  );
}

async function statusAt(path: string, signal: AbortSignal): Promise<DaemonStatus | undefined> {
  try {
    return await new DaemonClient(path).status(signal);
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
