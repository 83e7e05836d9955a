import { readFile, writeFile } from "node:fs/promises";

import { cpuSeconds } from "../../test/harness/process-figures.ts";

/** What processes have used over a time. */
export interface ProcessUse {
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
}

/** Watches processes and their children from now on. Linux only. */
export async function watchProcesses(pids: readonly number[]): Promise<() => Promise<ProcessUse>> {
  const all = (await Promise.all(pids.map(withChildren))).flat();
  // 5 sets the peak of the resident memory back to what is resident now.
  await Promise.all(all.map((pid) => writeFile(`/proc/${pid}/clear_refs`, "5").catch(() => {})));
  const before = await Promise.all(all.map(cpuSeconds));
  return async () => {
    const after = await Promise.all(all.map(cpuSeconds));
    const peaks = await Promise.all(all.map(peakRssBytes));
    return {
      cpuSeconds: after.reduce((sum, seconds, index) => sum + seconds - before[index]!, 0),
      peakRssBytes: peaks.reduce((sum, bytes) => sum + bytes, 0),
    };
  };
}

async function withChildren(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return [pid, ...text.trim().split(" ").filter(Boolean).map(Number)];
}

async function peakRssBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
