import { randomBytes } from "node:crypto";
import { link, readFile, rename, rm, stat, writeFile } from "node:fs/promises";

/** Longer than anybody keeps such a lock: an older one was left behind by a process that died. */
const LOCK_AGE_MS_MAX = 60_000;

/** A lock that is held; disposing gives it back. */
export interface HeldLock extends AsyncDisposable {
  readonly path: string;
}

/**
 * Takes a lock that is a file with the holder's process id. Returns undefined when a living process
 * holds it. A lock left behind by a dead process, or older than a minute, is taken over.
 */
export async function tryLock(path: string): Promise<HeldLock | undefined> {
  const owner = `${process.pid} ${randomBytes(8).toString("hex")}`;
  if (await create(path, owner)) return heldLock(path, owner);
  const left = await readStale(path);
  if (left === undefined) return undefined;
  await removeIfStill(path, left);
  return (await create(path, owner)) ? heldLock(path, owner) : undefined;
}

function heldLock(path: string, owner: string): HeldLock {
  return {
    path,
    async [Symbol.asyncDispose]() {
      if ((await contentOf(path)) === owner) await rm(path, { force: true });
    },
  };
}

async function create(path: string, owner: string): Promise<boolean> {
  try {
    await writeFile(path, owner, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** What a lock holds that nobody alive holds any more; undefined when somebody may. */
async function readStale(path: string): Promise<string | undefined> {
  const content = await contentOf(path);
  const info = await stat(path).catch(() => undefined);
  if (content === undefined || !info) return undefined;
  if (Date.now() - info.mtimeMs > LOCK_AGE_MS_MAX) return content;
  const pid = Number(content.split(" ", 1)[0]);
  // Empty: its maker is between creating and writing it.
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  return isAlive(pid) ? undefined : content;
}

/** Removes the lock only if it is the one seen: two who saw it must not remove each other's. */
async function removeIfStill(path: string, content: string): Promise<void> {
  const aside = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  if ((await contentOf(aside)) !== content) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

async function contentOf(path: string): Promise<string | undefined> {
  return await readFile(path, "utf8").catch(() => undefined);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
