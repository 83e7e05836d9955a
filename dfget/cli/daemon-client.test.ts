import { once } from "node:events";
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { EXIT } from "../../platform/user-error.ts";
import { eventFrame } from "../daemon/download-frames.ts";
import { DaemonAbsentError, DaemonClient } from "./daemon-client.ts";

const { signal } = new AbortController();
const SILENCE_MS = 60;
const HANGS = {
  exitCode: EXIT.daemonUnavailable,
  message: expect.stringMatching(/seems to hang; end it/) as string,
};
const STATUS = JSON.stringify({ state: "ready", pid: 1, nodeId: "0" });

describe("a daemon that hangs", () => {
  let home: TemporaryDirectory;
  let answer: (socket: Socket, request: string) => void;
  let client: DaemonClient;
  let resources: DisposableStack;

  beforeEach(async () => {
    resources = new DisposableStack();
    home = await TemporaryDirectory.create("hang");
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("data", (chunk) => answer(socket, String(chunk)));
    }).listen(home.join("s"));
    await once(server, "listening");
    resources.defer(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    client = new DaemonClient(home.join("s"), SILENCE_MS);
  });

  afterEach(async () => {
    resources.dispose();
    await home[Symbol.asyncDispose]();
  });

  const head = (length?: number): string =>
    `HTTP/1.1 200 OK\r\n${length === undefined ? "" : `content-length: ${length}\r\n`}\r\n`;
  const content = async () => {
    for await (const _part of await client.content("sha256:00", {}, signal));
  };

  it("is given up by whoever asks for its state, its tasks, or a file", async () => {
    answer = () => undefined;
    await expect(client.status(signal)).rejects.toMatchObject(HANGS);
    await expect(client.ask({ method: "GET", path: "/v1/tasks" }, signal)).rejects.toMatchObject(
      HANGS,
    );
    await expect(content()).rejects.toMatchObject(HANGS);
  });

  it("is given up in the middle of a file too", async () => {
    answer = (socket, request) => {
      if (request.startsWith("POST"))
        socket.write(
          Buffer.concat([
            Buffer.from(head()),
            eventFrame({ event: "opened", taskId: "sha256:00", firstSource: "disk" }),
          ]),
        );
    };
    await expect(content()).rejects.toMatchObject(HANGS);
  });

  it("is another thing than one that has nothing to say for a while", async () => {
    let asked = 0;
    let waiting: Socket | undefined;
    answer = (socket, request) => {
      if (request.startsWith("POST")) waiting = socket;
      else {
        asked += 1;
        socket.end(`${head(STATUS.length)}${STATUS}`);
        if (asked === 3) waiting!.end(head());
      }
    };
    await content();
    expect(asked).toBe(3);
  });
});

describe("a connection that is made beforehand", () => {
  it("is the one that the download is asked for over", async () => {
    await using home = await TemporaryDirectory.create("early");
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    }).listen(home.join("s"));
    await once(server, "listening");
    const client = new DaemonClient(home.join("s"));
    await client.prepare(signal);
    for await (const _part of await client.download({ url: "http://a.example/" }, signal));
    expect(connections).toBe(1);
    server.close();
  });

  it("may fail, which the download tells", async () => {
    await using home = await TemporaryDirectory.create("early");
    const client = new DaemonClient(home.join("s"));
    await client.prepare(signal);
    const asked = client.download({ url: "http://a.example/" }, signal);
    await expect(asked).rejects.toBeInstanceOf(DaemonAbsentError);
    await expect(client.prepare(AbortSignal.abort(new Error("stop")))).rejects.toThrow("stop");
  });
});
