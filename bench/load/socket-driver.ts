import { join } from "node:path";

import { BenchProcess } from "../frame/bench-process.ts";
import type { LoadBenchOptions } from "./bench-options.ts";
import type { SocketAnswer, SocketRequest } from "./socket-process.ts";

/** The process that is the nodes, seen from the bench. */
export class SocketDriver implements AsyncDisposable {
  readonly #process: BenchProcess<SocketRequest, SocketAnswer>;
  readonly #authority: string;
  readonly #options: LoadBenchOptions;

  /** `authority` is the supernode's. */
  constructor(authority: string, options: LoadBenchOptions) {
    this.#process = new BenchProcess(join(import.meta.dirname, "socket-process.ts"));
    this.#authority = authority;
    this.#options = options;
  }

  /** Asks for something and waits for it. Throws when it cannot be done. */
  async ask(request: SocketRequest, signal: AbortSignal): Promise<SocketAnswer> {
    const answer = await this.#process.ask(request, signal);
    if (answer.error !== undefined) throw new Error(`the simulated nodes failed: ${answer.error}`);
    return answer;
  }

  /** Sees to it that so many nodes are connected, or more. */
  async connect(count: number, signal: AbortSignal): Promise<void> {
    const { seed, zoneCount } = this.#options;
    const authority = this.#authority;
    await this.ask({ kind: "connect", authority, seed, zoneCount, count }, signal);
    await this.requireAll(count, signal);
  }

  /** Throws when a node has lost its connection. */
  async requireAll(count: number, signal: AbortSignal): Promise<void> {
    const { connected, lost } = await this.ask({ kind: "watch" }, signal);
    if (connected < count) throw new Error(`${lost} of ${count} nodes lost their connection`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}
