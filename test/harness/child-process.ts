import { spawn, type ChildProcess as NodeChild } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { LineRing } from "./line-ring.ts";
import { PATIENCE_MS } from "./until.ts";

export interface ChildOptions {
  /** How messages call it. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to this process's environment; `undefined` takes a name out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Name of the network namespace to run in; needs root. */
  readonly networkNamespace?: string | undefined;
  /** A SIGTERM not obeyed within this time is followed by SIGKILL; 30 seconds when left out. */
  readonly stopTimeoutMs?: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running program whose output is kept (the last lines of it) and which is stopped when disposed. */
export class ChildProcess implements AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  readonly stdout = new LineRing();
  readonly stderr = new LineRing();
  /** Settles when the program has ended and its output was read. */
  readonly exited: Promise<Exit>;
  readonly #child: NodeChild;
  readonly #stopTimeoutMs: number;

  private constructor(options: ChildOptions, child: NodeChild, pid: number) {
    this.name = options.name;
    this.pid = pid;
    this.#child = child;
    this.#stopTimeoutMs = options.stopTimeoutMs ?? PATIENCE_MS;
    this.exited = exitOf(child);
    collect(child.stdout, this.stdout);
    collect(child.stderr, this.stderr);
  }

  /** Starts the program; throws a sentence when it cannot be run at all. */
  static async start(options: ChildOptions): Promise<ChildProcess> {
    const [command, ...args] = commandLine(options);
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    if (child.pid === undefined) {
      const [error] = await once(child, "error");
      throw new Error(`${options.name} could not be started: ${String(error)}`);
    }
    return new ChildProcess(options, child, child.pid);
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /**
   * Waits for a line that `matches`, on stderr unless told otherwise, counting lines already there; for 30 seconds
   * unless told otherwise.
   */
  async waitForLine(
    matches: (line: string) => boolean,
    options: { what: string; timeoutMs?: number; stream?: "stdout" | "stderr" },
  ): Promise<string> {
    const ring = this[options.stream ?? "stderr"];
    const known = ring.lines.find(matches);
    if (known !== undefined) return known;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const forget = ring.onLine((line) => {
      if (matches(line)) resolve(line);
    });
    const fail = (why: string): void => reject(new Error(`${why}\n${this.lastWords()}`));
    const { timeoutMs = PATIENCE_MS } = options;
    const timer = setTimeout(
      () => fail(`${this.name} did not say ${options.what} within ${timeoutMs} ms`),
      timeoutMs,
    );
    void this.exited.then(({ code, signal }) =>
      fail(`${this.name} ended (${signal ?? code}) before it said ${options.what}`),
    );
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      forget();
    }
  }

  /** SIGTERM, then SIGKILL after the bound; returns how it ended. Harmless on a program that has ended. */
  async stop(): Promise<Exit> {
    if (this.isRunning) this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), this.#stopTimeoutMs);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  /** `kill -9`: it gets no chance to clean up. */
  async killHard(): Promise<Exit> {
    if (this.isRunning) this.#child.kill("SIGKILL");
    return await this.exited;
  }

  /** The end of its output, for messages. */
  lastWords(): string {
    const tail = [...this.stdout.lines.slice(-10), ...this.stderr.lines.slice(-30)];
    return tail.map((line) => `  ${this.name}: ${line}`).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function commandLine(options: ChildOptions): [string, ...string[]] {
  const program: [string, ...string[]] = [options.command, ...options.args];
  // Each of these replaces itself by the program, so the id of the child is that of the program.
  const inNamespace: [string, ...string[]] =
    options.networkNamespace === undefined
      ? program
      : ["nsenter", `--net=/run/netns/${options.networkNamespace}`, "--", ...program];
  return existsSync("/usr/bin/setpriv")
    ? ["/usr/bin/setpriv", "--pdeathsig", "KILL", "--", ...inNamespace]
    : inNamespace;
}

function collect(stream: NodeJS.ReadableStream | null, ring: LineRing): void {
  stream?.setEncoding("utf8");
  stream?.on("data", (text: string) => ring.push(text));
  stream?.on("end", () => ring.end());
}

async function exitOf(child: NodeChild): Promise<Exit> {
  const { promise, resolve } = Promise.withResolvers<Exit>();
  child.once("close", (code, signal) => resolve({ code, signal }));
  // A grandchild that lives on may hold the pipes open: do not wait for it for long.
  child.once("exit", (code, signal) => {
    setTimeout(() => resolve({ code, signal }), 1000).unref();
  });
  return await promise;
}
