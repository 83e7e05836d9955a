import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { request } from "undici";

import { ChildProcess } from "../../test/harness/child-process.ts";
import { metricOf } from "../../test/harness/fleet-metrics.ts";
import { cpuSeconds, rssBytes } from "../../test/harness/process-figures.ts";
import { until } from "../../test/harness/until.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const READY_MS_MAX = 20_000;
/** The programs measure the delay of their event loop by a timer of so long. */
const LOOP_TIMER_MS = 10;

/** What a server used over a time. */
export interface ServerUse {
  readonly seconds: number;
  readonly cpu_s: number;
  /** Of one core. */
  readonly cpu_fraction: number;
  /** Resident memory at the end. */
  readonly rss_mb: number;
  /** How late the event loop came to what was due. */
  readonly loop_delay_p99_ms: number;
}

/** A program of this project in a process of its own, whose log goes to a file, as it would in operation. */
export class ServerUnderTest implements AsyncDisposable {
  /** `address:port`. */
  readonly authority: string;
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, authority: string) {
    this.#process = process;
    this.authority = authority;
    this.url = `http://${authority}`;
  }

  /** Starts a program that listens at `authority` and resolves when it is healthy. Throws a sentence when it is not in time. */
  static async start(
    program: "supernode" | "registry-proxy",
    authority: string,
    options: {
      readonly args: readonly string[];
      readonly logPath: string;
      readonly signal: AbortSignal;
    },
  ): Promise<ServerUnderTest> {
    const { args, logPath, signal } = options;
    const main = join(ROOT, program, "main.ts");
    const child = await ChildProcess.start({
      name: program,
      // By its path: what is measured needs no PATH.
      command: "/bin/sh",
      args: [
        "-c",
        'log=$1; shift; exec "$@" 2>"$log"',
        "sh",
        logPath,
        process.execPath,
        main,
        ...args,
      ],
      stopTimeoutMs: 10_000,
    });
    const server = new ServerUnderTest(child, authority);
    try {
      await until(() => !child.isRunning || server.#isHealthy(), {
        what: `${program} to be ready`,
        timeoutMs: READY_MS_MAX,
        signal,
      });
      if (child.isRunning) return server;
      const log = await readFile(logPath, "utf8").catch(() => child.lastWords());
      throw new Error(`${program} ended: ${log.slice(-2000)}`);
    } catch (error) {
      await child.stop();
      throw error;
    }
  }

  /** Watches what it uses from now on. */
  async watch(): Promise<() => Promise<ServerUse>> {
    // Reading the delays begins them anew.
    await this.#loopDelayMs();
    const startMs = performance.now();
    const cpuBefore = await cpuSeconds(this.#process.pid);
    return async () => {
      const seconds = (performance.now() - startMs) / 1000;
      const cpu_s = (await cpuSeconds(this.#process.pid)) - cpuBefore;
      const rss_mb = (await rssBytes(this.#process.pid)) / 1e6;
      const loop_delay_p99_ms = await this.#loopDelayMs();
      return { seconds, cpu_s, cpu_fraction: cpu_s / seconds, rss_mb, loop_delay_p99_ms };
    };
  }

  /** The value of one of its metrics. */
  async metric(name: string): Promise<number> {
    return await metricOf(this.url, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
  }

  async #loopDelayMs(): Promise<number> {
    const seconds = await this.metric("nodejs_eventloop_lag_p99_seconds");
    return Math.max(0, seconds * 1000 - LOOP_TIMER_MS);
  }

  async #isHealthy(): Promise<boolean> {
    try {
      const { statusCode, body } = await request(`${this.url}/healthz`);
      await body.dump();
      return statusCode === 200;
    } catch {
      return false;
    }
  }
}
