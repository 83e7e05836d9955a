import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname } from "node:path";

import { ChildProcess } from "../../../test/harness/child-process.ts";
import { accepts } from "../../../test/harness/free-port.ts";
import type { Host } from "../../../test/harness/network.ts";
import { runCommand } from "../../../test/harness/run-command.ts";
import { processesMentioning } from "../../../test/harness/stray-processes.ts";
import { until } from "../../../test/harness/until.ts";

const READY_MS_MAX = 30_000;

/** A program of another system, on a host. */
export interface RivalCommand {
  /** As reports and messages call it. */
  readonly name: string;
  readonly host: Host;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The files and processes of another system, and a record of them for the result. All processes end at disposal. */
export class RivalProcesses implements AsyncDisposable {
  readonly #directory: string;
  readonly #signal: AbortSignal;
  readonly #running: ChildProcess[] = [];
  readonly #configuration = new Map<string, string>();

  /** Everything that the system writes must be in `directory`, which names what it leaves running. */
  constructor(directory: string, signal: AbortSignal) {
    this.#directory = directory;
    this.#signal = signal;
  }

  /** What was written and which commands were given, by name. */
  get configuration(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#configuration);
  }

  /** Writes a file below the directory and returns its path; `recordedAs` shows it in the result. */
  async write(name: string, text: string, recordedAs?: string): Promise<string> {
    const path = `${this.#directory}/${name}`;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    if (recordedAs !== undefined) this.#configuration.set(recordedAs, this.#plain(text));
    return path;
  }

  /** Notes a command in the result. */
  record(name: string, words: readonly string[]): void {
    this.#configuration.set(name, this.#plain(words.join(" ")));
  }

  /** Starts a program that goes on running, and returns when its port answers. */
  async start(command: RivalCommand, port?: number): Promise<ChildProcess> {
    this.#signal.throwIfAborted();
    const child = await ChildProcess.start({
      ...command,
      networkNamespace: command.host.networkNamespace,
    });
    this.#running.push(child);
    if (port === undefined) return child;
    const answers = async (): Promise<boolean> => {
      if (!child.isRunning) throw new Error(`${command.name} ended\n${child.lastWords()}`);
      return await accepts(command.host.address, port);
    };
    await until(answers, {
      what: `${command.name} to answer at port ${port}\n${child.lastWords()}`,
      timeoutMs: READY_MS_MAX,
      signal: this.#signal,
    });
    return child;
  }

  /** Runs a program to its end. Throws with what it said, and what the others said, when it fails. */
  async run(command: RivalCommand, signal: AbortSignal, timeoutMs: number): Promise<void> {
    signal.throwIfAborted();
    const { code, stdout, stderr } = await runCommand({
      ...command,
      networkNamespace: command.host.networkNamespace,
      timeoutMs,
      signal,
    });
    signal.throwIfAborted();
    if (code === 0) return;
    const others = this.#running.map((child) => child.lastWords()).join("\n");
    throw new Error(`${command.name} ended with ${code}\n${stdout}\n${stderr}\n${others}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#running.map((child) => (this.#signal.aborted ? child.killHard() : child.stop())),
    );
    // Some systems leave servers behind that nobody waits for.
    for (const pid of await processesMentioning(this.#directory)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
    await until(async () => (await processesMentioning(this.#directory)).length === 0, {
      what: "the programs of another system to end",
      timeoutMs: 10_000,
    });
  }

  /** Without the names of directories that are others in every run. */
  #plain(text: string): string {
    return text.replaceAll(this.#directory, "DIRECTORY").replaceAll(tmpdir(), "TMPDIR");
  }
}
