import { spawn } from "node:child_process";
import { once } from "node:events";

/** What one run of a client program took. */
export interface ClientRun {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
}

/** Runs a program to its end under GNU time. Throws an error with what it said when it fails. */
export async function runClient(
  command: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<ClientRun> {
  const startMs = performance.now();
  const child = spawn("/usr/bin/time", ["-q", "-f", "%U %S %M", command, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  // GNU time passes no signal on, so the whole group of processes is meant.
  const stop = (): void => void (child.pid !== undefined && process.kill(-child.pid, "SIGKILL"));
  signal.addEventListener("abort", stop, { once: true });
  try {
    const [code] = (await once(child, "close")) as [number | null];
    const seconds = (performance.now() - startMs) / 1000;
    signal.throwIfAborted();
    const figures = /(\d+\.\d+) (\d+\.\d+) (\d+)\s*$/.exec(said);
    if (code !== 0 || figures === null) throw new Error(`${command} failed: ${said.trim()}`);
    return {
      seconds,
      cpuSeconds: Number(figures[1]) + Number(figures[2]),
      peakRssBytes: Number(figures[3]) * 1024,
    };
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
