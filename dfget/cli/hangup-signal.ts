import { readFileSync } from "node:fs";

/**
 * Makes the closing of the terminal end the program as SIGTERM does, cleanly. Under nohup, which asks
 * for the opposite, it does nothing.
 */
export function endOnHangup(): void {
  if (isHangupIgnored()) return;
  process.once("SIGHUP", () => process.kill(process.pid, "SIGTERM"));
}

/** Whether the process was started with SIGHUP ignored; a handler would silently undo that. */
function isHangupIgnored(): boolean {
  try {
    const status = readFileSync("/proc/self/status", "latin1");
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(status)?.[1];
    return mask !== undefined && (BigInt(`0x${mask}`) & 1n) === 1n;
  } catch {
    // A system without /proc: better a hidden part left behind than a download that nohup cannot keep.
    return true;
  }
}
