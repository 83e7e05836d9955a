import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { Clock } from "../../platform/clock.ts";
import { EXIT } from "../../platform/user-error.ts";
import type { DaemonStatus } from "../daemon/api-schema.ts";
import { DaemonAbsentError } from "./daemon-client.ts";
import { daemonArguments } from "./daemon-process.ts";
import { ensureDaemon } from "./daemon-start.ts";

const { signal } = new AbortController();
const status: DaemonStatus = {
  version: "0",
  pid: 1,
  state: "ready",
  nodeId: "00",
  endpoint: "127.0.0.1:1",
  supernodes: [],
  downloads: 0,
};

let directory: string;
let socketPath: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "darter-start-"));
  socketPath = join(directory, "run", "d.sock");
});

afterEach(async () => await rm(directory, { recursive: true }));

/** Time that passes only by sleeping. */
function steppingClock(): Clock {
  let nowMs = 0;
  return {
    nowMs: () => nowMs,
    async sleep(delayMs, signal) {
      signal.throwIfAborted();
      nowMs += delayMs;
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

/** A machine on which daemons are started; they answer after so many questions. */
function machine(options: { questionsUntilReady?: number; exits?: boolean } = {}) {
  const state = { started: 0, questionsLeft: options.questionsUntilReady ?? 3, draining: 0 };
  return {
    state,
    deps: {
      clock: steppingClock(),
      async status() {
        if (state.draining > 0) {
          state.draining -= 1;
          return { ...status, state: "draining" as const };
        }
        if (state.started === 0 || options.exits) throw new DaemonAbsentError("none");
        if (state.questionsLeft-- > 0) throw new DaemonAbsentError("not yet");
        return status;
      },
      async start() {
        state.started += 1;
        const lastLine = async () => "cannot listen on 0.0.0.0:1";
        return { hasExited: options.exits ?? false, logPath: "/data/daemon.log", lastLine };
      },
    },
  };
}

describe("a daemon on demand", () => {
  it("is used where there is one", async () => {
    const { state, deps } = machine({ questionsUntilReady: 0 });
    state.started = 1;
    expect(await ensureDaemon(socketPath, deps, signal)).toEqual(status);
    expect(state.started).toBe(1);
  });

  it("is started once by many who find none at the same time", async () => {
    const { state, deps } = machine();
    const all = Array.from({ length: 6 }, async () => await ensureDaemon(socketPath, deps, signal));
    expect(await Promise.all(all)).toEqual(Array.from({ length: 6 }, () => status));
    expect(state.started).toBe(1);
    expect(await readdir(join(directory, "run"))).toEqual([]);
  });

  it("is started after one that is just leaving has left", async () => {
    const { state, deps } = machine();
    state.draining = 4;
    await ensureDaemon(socketPath, deps, signal);
    expect(state).toMatchObject({ started: 1, draining: 0 });
  });

  it("tells why it ended when it could not start", async () => {
    const { state, deps } = machine({ exits: true });
    const failure = ensureDaemon(socketPath, deps, signal);
    await expect(failure).rejects.toMatchObject({ exitCode: EXIT.daemonUnavailable });
    await expect(failure).rejects.toThrow("cannot listen on 0.0.0.0:1 (its log is /data/");
    expect(state.started).toBe(1);
    expect(await readdir(join(directory, "run"))).toEqual([]);
  });

  it("is not waited for without end", async () => {
    const { deps } = machine({ questionsUntilReady: Infinity });
    const failure = ensureDaemon(socketPath, deps, signal);
    await expect(failure).rejects.toThrow("within 30 s");
  });

  it("is not waited for after an interruption", async () => {
    const { deps } = machine();
    const aborted = AbortSignal.abort(new Error("interrupted"));
    await expect(ensureDaemon(socketPath, deps, aborted)).rejects.toThrow("interrupted");
  });

  it("gets its settings as arguments, which hold no credentials", () => {
    const settings = {
      mainFile: "/m.ts",
      socketPath: "/s",
      dataDir: "/d",
      supernodeUrls: ["http://a:1", "http://b:2"],
      allowOrigins: ["10.0.0.0/8"],
      idleExitMs: 500,
    };
    expect(daemonArguments(settings)).toEqual([
      "/m.ts",
      "daemon",
      "--any-port",
      "--idle-exit=500ms",
      "--socket=/s",
      "--data-dir=/d",
      "--supernode=http://a:1",
      "--supernode=http://b:2",
      "--allow-origin=10.0.0.0/8",
    ]);
  });
});
