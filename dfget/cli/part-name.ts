import { readFileSync, readdirSync, rmSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";

const NAME_BYTES_MAX = 255;
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/**
 * A hidden name beside `path` for a file that is not whole, `.NAME.<machine>-<process>-<random>.part`: what a killed
 * process has left behind can be told from what a living one writes.
 */
export function partPathOf(path: string): string {
  const ending = `.${machineName()}-${process.pid}-${freshWord()}.part`;
  return join(dirname(path), `.${shortened(basename(path), ending.length + 1)}${ending}`);
}

/** What goes when the process ends without unwinding. */
const atExit = new Set<string>();

/** Removes a file when the process ends, unless what is returned was disposed before. */
export function removeOnExit(path: string): Disposable {
  if (atExit.size === 0) process.once("exit", removeAll);
  atExit.add(path);
  return {
    [Symbol.dispose]: () => {
      atExit.delete(path);
      if (atExit.size === 0) process.off("exit", removeAll);
    },
  };
}

function removeAll(): void {
  for (const path of atExit) rmSync(path, { force: true });
}

const swept = new Set<string>();

/** Removes, once for a directory, what processes of this machine that are dead have left behind in it. */
export async function removeAbandonedParts(directory: string): Promise<void> {
  if (swept.has(directory)) return;
  await removeAbandoned(directory, await readdir(directory).catch(() => []));
}

/** As {@link removeAbandonedParts}, for a directory on a disk of this machine: to start a thread takes longer than to read one. */
export async function removeAbandonedPartsHere(directory: string): Promise<void> {
  if (swept.has(directory)) return;
  await removeAbandoned(directory, readdirSync(directory));
}

async function removeAbandoned(directory: string, names: readonly string[]): Promise<void> {
  swept.add(directory);
  const pattern = new RegExp(
    `^\\..*\\.${machineName()}-(\\d{1,9})-[0-9a-f]{8}\\.(?:part|link)$`,
    "s",
  );
  for (const name of names) {
    const pid = name.startsWith(".") ? pattern.exec(name)?.[1] : undefined;
    if (pid === undefined || isAlive(Number(pid))) continue;
    await rm(join(directory, name), { force: true }).catch(() => undefined);
  }
}

/** The start of a name that leaves room for `otherBytes` more. */
export function shortened(name: string, otherBytes: number): string {
  if (Buffer.byteLength(name) + otherBytes <= NAME_BYTES_MAX) return name;
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
  machine ??= hexOf(fnv1a(machineText()));
  return machine;
}

let count = 0;

/** Another one each time in this process; others have another process id. */
function freshWord(): string {
  count += 1;
  return hexOf(Number(process.hrtime.bigint() & 0xffffffn) * 256 + (count % 256));
}

function hexOf(word: number): string {
  return word.toString(16).padStart(8, "0");
}

/** A 32-bit hash (FNV-1a) to tell names apart, against no one's ill will. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

function machineText(): string {
  try {
    return readFileSync("/proc/sys/kernel/hostname", "latin1") + readFileSync(BOOT_ID, "latin1");
  } catch {
    return hostname();
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
