import { spawn } from "node:child_process";
import { open, readFile, rename, stat, statfs } from "node:fs/promises";
import { join } from "node:path";

import { makeDirectory } from "../../platform/make-directory.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import { printableText } from "../../platform/printable-text.ts";

/** A log that has grown beyond this is set aside when the next daemon starts. */
const LOG_BYTES_MAX = 8 * 1024 * 1024;

/** What a daemon is started with. */
export interface DaemonSettings {
  /** The program's own main file. */
  readonly mainFile: string;
  readonly socketPath: string;
  readonly dataDir: string;
  readonly supernodeUrls: readonly string[];
  readonly allowOrigins: readonly string[];
  readonly idleExitMs: number;
}

/** A daemon that was started and may have ended since. */
export interface StartedDaemon {
  readonly hasExited: boolean;
  readonly logPath: string;
  /** The last thing that it wrote to its log; undefined for nothing. */
  lastLine(): Promise<string | undefined>;
}

/** The arguments of the daemon. They hold no credentials: those travel over the socket. */
export function daemonArguments(settings: DaemonSettings): string[] {
  return [
    settings.mainFile,
    "daemon",
    "--any-port",
    `--idle-exit=${settings.idleExitMs}ms`,
    `--socket=${settings.socketPath}`,
    `--data-dir=${settings.dataDir}`,
    ...settings.supernodeUrls.map((url) => `--supernode=${url}`),
    ...settings.allowOrigins.map((pattern) => `--allow-origin=${pattern}`),
  ];
}

/** Starts a daemon that outlives this process and logs to daemon.log in its data directory. */
export async function startDaemonProcess(settings: DaemonSettings): Promise<StartedDaemon> {
  const logPath = join(settings.dataDir, "daemon.log");
  const log = await openLog(settings.dataDir, logPath);
  const startBytes = (await log.stat()).size;
  try {
    // A working directory of its own, so that it keeps no file system from being unmounted.
    const child = spawn(process.execPath, daemonArguments(settings), {
      cwd: settings.dataDir,
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
    });
    let failure: Error | undefined;
    child.once("error", (error) => {
      failure = error;
    });
    child.unref();
    return {
      logPath,
      get hasExited() {
        return failure !== undefined || child.exitCode !== null || child.signalCode !== null;
      },
      lastLine: async () =>
        failure?.message ??
        (await lastLineOf(logPath, startBytes)) ??
        (await fullDisk(settings.dataDir)),
    };
  } finally {
    await log.close();
  }
}

async function openLog(dataDir: string, logPath: string) {
  try {
    await makeDirectory(dataDir, 0o700);
    const info = await stat(logPath).catch(() => undefined);
    if (info && info.size > LOG_BYTES_MAX) await rename(logPath, `${logPath}.old`);
    return await open(logPath, "a", 0o600);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unusable";
    throw new UserError(
      EXIT.localFile,
      `the data directory ${dataDir} cannot be written (${code}); choose another one with --data-dir`,
      error,
    );
  }
}

async function lastLineOf(path: string, startBytes: number): Promise<string | undefined> {
  const bytes = await readFile(path).catch(() => undefined);
  const lines = bytes?.subarray(startBytes).toString("utf8").split("\n");
  const line = lines?.findLast((candidate) => candidate.trim() !== "");
  return line === undefined ? undefined : printableText(messageOf(line)).slice(0, 500);
}

/** Where nothing more can be written, a daemon cannot say why it ended. */
async function fullDisk(path: string): Promise<string | undefined> {
  const free = await statfs(path).catch(() => undefined);
  if (!free || free.bavail > 0) return undefined;
  return `the disk that holds ${path} is full; make room or choose another one with --data-dir`;
}

/** The message of a log record, or the line itself without the program's name. */
function messageOf(line: string): string {
  try {
    const record = JSON.parse(line) as { msg?: unknown };
    if (typeof record.msg === "string") return record.msg;
  } catch {
    // A line that is no log record is the sentence by which a program ends.
  }
  return line.replace(/^dfget daemon: /, "");
}
