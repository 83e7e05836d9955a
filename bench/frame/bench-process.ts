import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { once } from "node:events";
import { basename } from "node:path";

/** A process of this bench that is asked by messages, one at a time. */
export class BenchProcess<Request extends object, Answer> implements AsyncDisposable {
  readonly #name: string;
  readonly #child: ChildProcess;

  /** Starts the module at this path. */
  constructor(path: string) {
    this.#name = basename(path, ".ts");
    this.#child = fork(path, {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Sends a message and waits for the answer. */
  async ask(request: Request, signal: AbortSignal): Promise<Answer> {
    const ended = new AbortController();
    const exited = once(this.#child, "exit", { signal: ended.signal });
    exited.catch(() => {});
    try {
      const answered = once(this.#child, "message", {
        signal: AbortSignal.any([signal, ended.signal]),
      });
      this.#child.send(request);
      const [answer] = await Promise.race([
        answered,
        exited.then(() => {
          throw new Error(`${this.#name} ended before it answered`);
        }),
      ]);
      return answer as Answer;
    } finally {
      ended.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 5000);
    await exited;
    clearTimeout(timer);
  }
}
