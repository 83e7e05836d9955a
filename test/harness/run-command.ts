import { ChildProcess, type ChildOptions, type Exit } from "./child-process.ts";

export interface CommandResult extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions extends Omit<ChildOptions, "name"> {
  readonly name?: string;
  /** The program is killed, and the call fails, after this time. */
  readonly timeoutMs?: number;
  /** Stops the program when it is aborted, as a SIGTERM does. */
  readonly signal?: AbortSignal;
}

/** Runs a program to its end and returns its output and exit code, whatever the code is. */
export async function runCommand(options: CommandOptions): Promise<CommandResult> {
  const timeoutMs = options.timeoutMs ?? 60_000;
  await using child = await ChildProcess.start({
    ...options,
    name: options.name ?? options.command,
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    void child.killHard();
  }, timeoutMs);
  const stop = (): void => void child.stop();
  options.signal?.addEventListener("abort", stop, { once: true });
  const exit = await child.exited;
  options.signal?.removeEventListener("abort", stop);
  clearTimeout(timer);
  if (isLate) {
    throw new Error(`${child.name} did not end within ${timeoutMs} ms\n${child.lastWords()}`);
  }
  return { ...exit, stdout: child.stdout.text, stderr: child.stderr.text };
}

/** As runCommand, but anything other than exit code 0 is an error that shows the output. Returns stdout. */
export async function mustRun(options: CommandOptions): Promise<string> {
  const result = await runCommand(options);
  if (result.code !== 0) {
    const command = [options.command, ...options.args].join(" ");
    throw new Error(
      `"${command}" ended with ${result.signal ?? result.code}\n${result.stderr}\n${result.stdout}`,
    );
  }
  return result.stdout;
}
