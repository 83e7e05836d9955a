import { join } from "node:path";
import { ChildProcess } from "./child-process.ts";
import { runCommand, type CommandResult } from "./run-command.ts";

export type Program = "supernode" | "registry-proxy" | "dfget";

export interface ProgramOptions {
  readonly args: readonly string[];
  /** How messages call it; the program's name when left out. */
  readonly name?: string;
  readonly networkNamespace?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Whether what `npm run build` made is run, and not the sources. */
  readonly isBuilt?: boolean | undefined;
  readonly timeoutMs?: number;
  /** How long it may take to say that it is ready; 60 seconds when left out. */
  readonly readyTimeoutMs?: number | undefined;
  /** Ends the wait for a program that starts, and kills the program. */
  readonly signal?: AbortSignal | undefined;
}

const ROOT = join(import.meta.dirname, "..", "..");
/** Programs that tests start need not compile what an earlier one has compiled, and leave nothing in the user's cache. */
const COMPILED = join(ROOT, "node_modules", ".cache", "compiled");
const READY_TIMEOUT_MS = 60_000;

/** Where `npm run build` puts a program. */
export function builtProgram(program: Program): string {
  return join(ROOT, "dist", program, "main.js");
}

/** Starts a program of this project that keeps running, and returns when it has said that it is ready. */
export async function startProgram(
  program: Program,
  options: ProgramOptions,
): Promise<ChildProcess> {
  options.signal?.throwIfAborted();
  const child = await ChildProcess.start(commandOf(program, options));
  const kill = (): void => void child.killHard();
  options.signal?.addEventListener("abort", kill, { once: true });
  try {
    await child.waitForLine(saysReady, {
      what: "that it is ready",
      timeoutMs: options.readyTimeoutMs ?? READY_TIMEOUT_MS,
    });
  } catch (error) {
    await child.killHard();
    options.signal?.throwIfAborted();
    throw error;
  } finally {
    options.signal?.removeEventListener("abort", kill);
  }
  return child;
}

/** Runs a program of this project to its end. */
export async function runProgramToEnd(
  program: Program,
  options: ProgramOptions,
): Promise<CommandResult> {
  return await runCommand({
    ...commandOf(program, options),
    timeoutMs: options.timeoutMs ?? 60_000,
  });
}

/** Starts a program of this project whose end the caller waits for. */
export async function beginProgram(
  program: Program,
  options: ProgramOptions,
): Promise<ChildProcess> {
  return await ChildProcess.start(commandOf(program, options));
}

/** Whether a log line says that its program is ready, as `ready` or `ready <what> on <address>`. */
export function saysReady(line: string): boolean {
  return /^ready( |$)/.test(String(readLogRecord(line)?.["msg"]));
}

/** The fields of a log line, or undefined when the line is not a log record. */
export function readLogRecord(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function commandOf(
  program: Program,
  options: ProgramOptions,
): Parameters<typeof ChildProcess.start>[0] {
  return {
    name: options.name ?? program,
    command: process.execPath,
    args: [
      options.isBuilt ? builtProgram(program) : join(ROOT, program, "main.ts"),
      ...options.args,
    ],
    networkNamespace: options.networkNamespace,
    env: { NODE_COMPILE_CACHE: COMPILED, ...options.env },
  };
}
