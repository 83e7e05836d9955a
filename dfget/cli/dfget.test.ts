import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { EXIT } from "../../platform/user-error.ts";
import { DaemonClient } from "./daemon-client.ts";

const MAIN = join(import.meta.dirname, "..", "main.ts");
const CONTENT = Buffer.alloc(700_000, "content of the file ");
const { signal } = new AbortController();

let directory: string;
let origin: Server;
let originUrl: string;
let requests: string[];
let held: PromiseWithResolvers<void>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "darter-dfget-"));
  requests = [];
  held = Promise.withResolvers();
  origin = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    const { pathname } = new URL(request.url ?? "/", "http://origin");
    if (pathname === "/missing") {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-length": CONTENT.length, etag: '"1"' });
    if (request.method === "HEAD") response.end();
    else if (pathname.startsWith("/held/")) void held.promise.then(() => response.end(CONTENT));
    // Half of it and no more: what waits for the rest has to be interrupted.
    else if (pathname === "/endless") response.write(CONTENT.subarray(0, 300_000));
    else response.end(CONTENT);
  });
  await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
  originUrl = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await daemonGone();
  origin.closeAllConnections();
  await new Promise((resolve) => origin.close(resolve));
  await rm(directory, { recursive: true });
});

const socketPath = (): string => join(directory, "d.sock");

/** Begins a dfget whose daemon, where it starts one, lives in the test's directory and leaves soon. */
function begin(args: readonly string[], more: Readonly<Record<string, string>> = {}) {
  const node = [
    `--socket=${socketPath()}`,
    `--data-dir=${join(directory, "data")}`,
    "--allow-origin=127.0.0.1",
    "--idle-exit=300ms",
  ];
  const env = { ...process.env, DFGET_DAEMON_LISTEN: "127.0.0.1:0", ...more };
  const { promise, resolve } = Promise.withResolvers<{ code: unknown; stderr: string }>();
  const child = execFile(
    process.execPath,
    [MAIN, ...args, ...node],
    { env, encoding: "utf8", cwd: directory },
    (error, _stdout, stderr) => resolve({ code: error?.code ?? 0, stderr }),
  );
  return { child, ended: promise };
}

async function dfget(...args: string[]) {
  return await begin(args).ended;
}

/** Waits until the daemon has left by itself. */
async function daemonGone(): Promise<void> {
  while (existsSync(socketPath())) await systemClock.sleep(20, signal);
}

async function visible(): Promise<string[]> {
  const names = await readdir(directory);
  return names.filter((name) => !/^(data|d\.sock.*)$/.test(name)).sort();
}

describe("dfget", () => {
  it("starts a daemon, once for all who come together, which leaves when idle", async () => {
    const url = `${originUrl}/held/a.bin`;
    const runs = [dfget(url), dfget(url, "-o", "b.bin")];
    // Whoever came first must not be done, and the daemon gone, before the other comes.
    const client = new DaemonClient(socketPath());
    const downloads = async () => (await client.status(signal).catch(() => undefined))?.downloads;
    while ((await downloads()) !== 2) await systemClock.sleep(20, signal);
    held.resolve();
    for (const { code, stderr } of await Promise.all(runs)) {
      expect(stderr).toMatch(/684 KiB in/);
      expect(code).toBe(EXIT.ok);
    }
    expect(await visible()).toEqual(["a.bin", "b.bin"]);
    for (const name of ["a.bin", "b.bin"]) {
      expect((await readFile(join(directory, name))).equals(CONTENT)).toBe(true);
    }
    expect(requests.filter((line) => line.startsWith("GET"))).toHaveLength(1);
    const log = await readFile(join(directory, "data", "daemon.log"), "utf8");
    expect(log.match(/"what":"dfget daemon"/g)).toHaveLength(1);
    await daemonGone();
    expect((await readdir(directory)).sort()).toEqual(["a.bin", "b.bin", "data"]);
  });

  it("ends by itself: process.exit may wait for ever for a thread that compiles", async () => {
    const telling = `const { exit } = process; process.exit = (code) => { console.error("exit"); exit(code); };`;
    const args = [`${originUrl}/a.bin`, "-o", "f", "-q"];
    for (const way of [[], ["--direct", "--overwrite"]]) {
      const { stderr, code } = await begin([...args, ...way], {
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(telling)}`,
      }).ended;
      expect([code, stderr]).toEqual([EXIT.ok, ""]);
    }
  });

  it("says in one sentence what failed, and leaves nothing", async () => {
    const { code, stderr } = await dfget(`${originUrl}/missing`, "-o", "f");
    expect(code).toBe(EXIT.notFound);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(await visible()).toEqual([]);
  });

  it("leaves nothing and ends the reading when it is interrupted", async () => {
    const { child, ended } = begin([`${originUrl}/endless`, "-o", "f"]);
    const client = new DaemonClient(socketPath());
    const downloads = async () => (await client.status(signal).catch(() => undefined))?.downloads;
    while ((await downloads()) !== 1) await systemClock.sleep(20, signal);
    child.kill("SIGINT");
    const { code, stderr } = await ended;
    expect(stderr).toMatch(
      /^dfget: interrupted; (?:what has arrived is kept|nothing has arrived)/m,
    );
    expect(code).toBe(EXIT.interrupted);
    expect(await visible()).toEqual([]);
    while ((await downloads()) === 1) await systemClock.sleep(20, signal);
  });

  it("tells why its daemon could not start", async () => {
    const { code, stderr } = await dfget(`${originUrl}/a.bin`, "--allow-origin=not a host");
    expect(code).toBe(EXIT.daemonUnavailable);
    expect(stderr).toContain("could not be started: --allow-origin");
    expect(await visible()).toEqual([]);
  });
});
