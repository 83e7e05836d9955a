import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";

const NAME_BYTES_MAX = 255;

/**
 * A hidden name beside `path` for a file that is not whole, `.NAME.<machine>-<process>-<random>.part`: what a killed
 * process has left behind can be told from what a living one writes.
 */
export function partPathOf(path: string): string {
  const ending = `.${machineName()}-${process.pid}-${randomBytes(4).toString("hex")}.part`;
  return join(dirname(path), `.${shortened(basename(path), ending.length + 1)}${ending}`);
}

const swept = new Set<string>();

/** Removes, once for a directory, what processes of this machine that are dead have left behind in it. */
export async function removeAbandonedParts(directory: string): Promise<void> {
  if (swept.has(directory)) return;
  swept.add(directory);
  const names = await readdir(directory).catch(() => []);
  const pattern = new RegExp(
    `^\\..*\\.${machineName()}-(\\d{1,9})-[0-9a-f]{8}\\.(?:part|link)$`,
    "s",
  );
  for (const name of names) {
    const pid = pattern.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    await rm(join(directory, name), { force: true }).catch(() => undefined);
  }
}

/** The start of a name that leaves room for `otherBytes` more. */
export function shortened(name: string, otherBytes: number): string {
  let kept = "";
  let lengthBytes = otherBytes;
  for (const character of name) {
    lengthBytes += Buffer.byteLength(character);
    if (lengthBytes > NAME_BYTES_MAX) break;
    kept += character;
  }
  return kept;
}

let machine: string | undefined;

/** Tells machines apart that share a directory, and a machine from itself before it was started anew. */
function machineName(): string {
  machine ??= createHash("sha256").update(`${hostname()} ${bootId()}`).digest("hex").slice(0, 8);
  return machine;
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1");
  } catch {
    return "";
  }
}

/** Whether a process of this machine lives. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
