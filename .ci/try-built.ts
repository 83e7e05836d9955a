/*
 * Runs the built programs together: a supernode and a mirror start, dfget downloads a file through a daemon that
 * it starts itself, and all of them end when told to. Ends with an error when something is amiss.
 */
import { createHash, randomBytes } from "node:crypto";
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";

const DIST = join(import.meta.dirname, "..", "dist");
const LIMIT_MS = 60_000;

const content = randomBytes(3_000_000);
const directory = await mkdtemp(join(tmpdir(), "darter-built-"));
const running: ChildProcess[] = [];
const guard = globalThis.setTimeout(() => {
  process.stderr.write(`the built programs did not end within ${LIMIT_MS / 1000} s\n`);
  for (const child of running) child.kill("SIGKILL");
}, LIMIT_MS);
const origin = createServer((_request, response) => {
  response.setHeader("content-length", content.length);
  response.setHeader("etag", '"built"');
  response.end(content);
});
try {
  origin.listen(0, "127.0.0.1");
  await once(origin, "listening");
  const { port } = origin.address() as AddressInfo;
  const supernode = await startServer("supernode", 1, {
    listen: "127.0.0.1:0",
    "allow-origin": "127.0.0.1",
    "data-dir": join(directory, "supernode"),
  });
  const mirror = await startServer("registry-proxy", 2, {
    listen: "127.0.0.1:0",
    "peer-listen": "127.0.0.1:0",
    supernode: `http://${supernode.at(-1)}`,
    "data-dir": join(directory, "mirror"),
  });
  for (const url of [`http://${supernode.at(-1)}/healthz`, `http://${mirror.at(-1)}/v2/`]) {
    const { status } = await fetch(url);
    if (status !== 200) throw new Error(`${url} answers ${status}`);
  }
  const target = join(directory, "file");
  const socket = join(directory, "dfget.sock");
  await runToEnd("dfget", `http://127.0.0.1:${port}/file`, {
    output: target,
    supernode: `http://${supernode.at(-1)}`,
    "allow-origin": "127.0.0.1",
    "data-dir": join(directory, "node"),
    socket,
    "idle-exit": "2s",
  });
  if (sha256(await readFile(target)) !== sha256(content)) throw new Error("the file differs");
  // The daemon that dfget started leaves by itself, its socket last.
  for (let left = 100; existsSync(socket); left--) {
    if (left === 0) throw new Error("the daemon of dfget did not leave");
    await setTimeout(100);
  }
  for (const child of running) {
    child.kill("SIGTERM");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    if (child.exitCode !== 0) throw new Error(`${child.spawnargs[1]} ended with ${child.exitCode}`);
  }
  process.stdout.write("the built programs work\n");
} finally {
  clearTimeout(guard);
  for (const child of running) child.kill("SIGKILL");
  origin.close();
  await rm(directory, { recursive: true, force: true, maxRetries: 20 });
}

type Flags = Readonly<Record<string, string>>;

function start(program: string, flags: Flags, ...positionals: readonly string[]): ChildProcess {
  const main = join(DIST, program, "main.js");
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  return spawn(process.execPath, [main, ...args, ...positionals], {
    stdio: ["ignore", "inherit", "pipe"],
  });
}

/** Starts a server and returns the addresses of the `count` records by which it says that it is ready. */
async function startServer(program: string, count: number, flags: Flags): Promise<string[]> {
  const child = start(program, flags);
  running.push(child);
  const addresses: string[] = [];
  const lines = createInterface({ input: child.stderr! });
  for await (const line of lines) {
    if (!line.startsWith("{")) throw new Error(`${program}: ${line}`);
    const record = JSON.parse(line) as { msg?: string; address?: string };
    if (record.msg === "ready") addresses.push(record.address ?? "");
    if (addresses.length === count) break;
  }
  if (addresses.length < count) throw new Error(`${program} ended before it was ready`);
  child.stderr!.resume();
  return addresses;
}

async function runToEnd(program: string, url: string, flags: Flags): Promise<void> {
  const child = start(program, flags, url);
  child.stderr!.pipe(process.stderr);
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`${program} ended with ${code}`);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
