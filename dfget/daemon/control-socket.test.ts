import { spawnSync } from "node:child_process";
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import type { Server } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import { bindControlSocket, isAnswering } from "./control-socket.ts";

const { signal } = new AbortController();
let directory: string;
let path: string;
let servers: Server[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "darter-socket-"));
  path = join(directory, "run", "d.sock");
  servers = [];
});

afterEach(async () => {
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  await rm(directory, { recursive: true });
});

async function bind(): Promise<void> {
  const server = createServer((socket) => socket.end());
  await bindControlSocket(server, path, { clock: systemClock }, signal);
  servers.push(server);
}

/** Leaves a socket at the path as a process does that is killed. */
function leaveStaleSocket(): void {
  const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  spawnSync(process.execPath, ["-e", script]);
}

describe("the control socket", () => {
  it("is for its owner alone, in a directory of its own", async () => {
    await bind();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(directory, "run"))).mode & 0o777).toBe(0o700);
    expect(await isAnswering(path)).toBe(true);
    expect(await readdir(join(directory, "run"))).toEqual(["d.sock"]);
  });

  it("replaces one that a dead process left", async () => {
    path = join(directory, "d.sock");
    leaveStaleSocket();
    expect((await stat(path)).isSocket()).toBe(true);
    expect(await isAnswering(path)).toBe(false);
    await bind();
    expect(await isAnswering(path)).toBe(true);
  });

  it("is not taken from a living process", async () => {
    await bind();
    await expect(bind()).rejects.toMatchObject({ exitCode: EXIT.addressInUse });
    await expect(bind()).rejects.toThrow(path);
    expect(await isAnswering(path)).toBe(true);
  });

  it("goes to exactly one of several who start at once over a dead one", async () => {
    path = join(directory, "d.sock");
    leaveStaleSocket();
    const results = await Promise.allSettled([bind(), bind(), bind(), bind()]);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await isAnswering(path)).toBe(true);
  });

  it("never removes what is no socket", async () => {
    path = join(directory, "file");
    await writeFile(path, "precious");
    await expect(bind()).rejects.toThrow("is not a socket");
    expect((await stat(path)).size).toBe(8);
  });

  it("names the path when its directory cannot be used", async () => {
    await writeFile(join(directory, "run"), "");
    await expect(bind()).rejects.toThrow(UserError);
    await expect(bind()).rejects.toThrow(path);
    await chmod(directory, 0o700);
  });

  it("is gone when its server is closed", async () => {
    await bind();
    const server = servers.pop();
    await new Promise((resolve) => server?.close(resolve));
    expect(await readdir(join(directory, "run"))).toEqual([]);
  });
});
