/*
 * Runs the built programs together: a supernode and a mirror start, dfget downloads a file through a daemon that
 * it starts itself, and all of them end when told to. Ends with an error when something is amiss.
 */
import { createHash, randomBytes } from "node:crypto";
import type { ChildProcess, ChildProcessByStdio } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";

const DIST = join(import.meta.dirname, "..", "dist");
const LIMIT_MS = 60_000;

const content = randomBytes(3_000_000);
const directory = await mkdtemp(join(tmpdir(), "darter-built-"));
const code = join(directory, "code");
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
  const supernode = await startServer("supernode", "supernode", {
    listen: "127.0.0.1:0",
    "allow-origin": "127.0.0.1",
    "data-dir": join(directory, "supernode"),
  });
  const mirror = await startServer("registry-proxy", "registry mirror", {
    listen: "127.0.0.1:0",
    "peer-listen": "127.0.0.1:0",
    supernode: `http://${supernode}`,
    "data-dir": join(directory, "mirror"),
    socket: join(directory, "mirror.sock"),
  });
  const expected: [string, number][] = [
    [`http://${supernode}/healthz`, 200],
    // Without a token the mirror says where there is one.
    [`http://${mirror}/v2/`, 401],
  ];
  for (const [url, wanted] of expected) {
    const { status } = await fetch(url);
    if (status !== wanted) throw new Error(`${url} answers ${status}`);
  }
  const target = join(directory, "file");
  const socket = join(directory, "dfget.sock");
  // The first keeps what it compiles, and the second reads that.
  for (const name of ["first", "second"]) {
    await runToEnd("dfget", `http://127.0.0.1:${port}/${name}`, {
      output: target,
      supernode: `http://${supernode}`,
      "allow-origin": "127.0.0.1",
      "data-dir": join(directory, "node"),
      socket,
      "idle-exit": "2s",
    });
    if (sha256(await readFile(target)) !== sha256(content)) throw new Error("the file differs");
    const kept = (await readdir(code, { recursive: true })).filter((path) =>
      path.endsWith(".code"),
    );
    if (kept.length !== 1) throw new Error(`the code of ${kept.length} parts is kept`);
  }
  // The failure of one part must be known to the others.
  const failing = start("dfget", { input: join(directory, "absent") });
  const sentence = await text(failing.stderr);
  if (!/^dfget: the list [^\n]*\n$/.test(sentence)) throw new Error(`no usage error: ${sentence}`);
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

function start(
  program: string,
  flags: Flags,
  ...positionals: readonly string[]
): ChildProcessByStdio<null, null, Readable> {
  const main = join(DIST, program, "main.js");
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  return spawn(process.execPath, [main, ...args, ...positionals], {
    env: { ...process.env, NODE_COMPILE_CACHE: code },
    stdio: ["ignore", "inherit", "pipe"],
  });
}

/** Starts a server and returns the address at which it says that `what` is ready. */
async function startServer(program: string, what: string, flags: Flags): Promise<string> {
  const child = start(program, flags);
  running.push(child);
  const lines = createInterface({ input: child.stderr });
  for await (const line of lines) {
    if (!line.startsWith("{")) throw new Error(`${program}: ${line}`);
    const record = JSON.parse(line) as { msg?: string; what?: string; address?: string };
    if (record.msg !== "ready" || record.what !== what) continue;
    child.stderr.resume();
    return record.address ?? "";
  }
  throw new Error(`${program} ended before it was ready`);
}

async function runToEnd(program: string, url: string, flags: Flags): Promise<void> {
  const child = start(program, flags, url);
  const said = text(child.stderr);
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${await said}`);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
