import { readdir, readFile, readlink } from "node:fs/promises";

// Linux reports CPU time in clock ticks, and has fixed USER_HZ at 100 for programs.
const TICKS_PER_SECOND = 100;

/** Resident memory of a process in bytes, as the kernel counts it. Linux only. */
export async function rssBytes(pid: number): Promise<number> {
  return parseRssBytes(await readFile(`/proc/${pid}/status`, "utf8"));
}

/** The VmRSS figure of a /proc/PID/status text, in bytes. */
export function parseRssBytes(status: string): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kibibytes === undefined) throw new Error("the process status names no resident memory");
  return Number(kibibytes) * 1024;
}

/** CPU seconds, user and system together, that a process has used. Linux only. */
export async function cpuSeconds(pid: number): Promise<number> {
  return parseCpuSeconds(await readFile(`/proc/${pid}/stat`, "utf8"));
}

/** User and system CPU seconds of a /proc/PID/stat text. */
export function parseCpuSeconds(stat: string): number {
  // The second field is the program's name in brackets and may hold spaces and brackets itself.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

export interface OpenFiles {
  readonly total: number;
  readonly sockets: number;
}

/** How many file descriptors a process has open, and how many of them are sockets. Linux only. */
export async function openFiles(pid: number): Promise<OpenFiles> {
  const names = await readdir(`/proc/${pid}/fd`);
  const targets = await Promise.all(
    names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => undefined)),
  );
  const open = targets.filter((target) => target !== undefined);
  return {
    total: open.length,
    sockets: open.filter((target) => target.startsWith("socket:")).length,
  };
}

/** Whether a process with this id exists (a dead one that nobody has waited for counts as gone). */
export async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  return stat !== undefined && !/\) Z /.test(stat);
}
