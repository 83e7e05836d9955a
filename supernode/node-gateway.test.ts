import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:http";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";

import { FRAME_LENGTH_BYTES_MAX } from "../protocol/limits.ts";
import { PROTOCOL_HEADER } from "../protocol/version.ts";
import { until } from "../test/harness/until.ts";
import { ScriptedNode } from "./scripted-node.ts";
import { ScriptedSupernode } from "./scripted-supernode.ts";

async function upgrade(port: number, path: string, headers: Record<string, string>) {
  const asking = request({
    port,
    path,
    headers: {
      connection: "upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
      ...headers,
    },
  });
  asking.end();
  const [response] = (await once(asking, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return {
    status: response.statusCode,
    headers: response.headers,
    body: JSON.parse(text) as unknown,
  };
}

describe("the handshake of a node", () => {
  it.each([
    ["no version", {}],
    ["version 2", { [PROTOCOL_HEADER]: "2" }],
  ])(
    "with %s is refused with 426, a JSON body and the version that is spoken",
    async (said, headers) => {
      await using it = await ScriptedSupernode.start();
      const answer = await upgrade(it.port, "/api/v1/node", headers);
      expect(answer.status).toBe(426);
      expect(answer.headers[PROTOCOL_HEADER]).toBe("1");
      expect(answer.body).toEqual({
        code: "PROTOCOL_VERSION",
        message: `the supernode speaks version 1 of the protocol and the node ${said}; bring both to the same release`,
      });
    },
  );

  it("on another path is refused with 404", async () => {
    await using it = await ScriptedSupernode.start();
    const answer = await upgrade(it.port, "/nowhere", { [PROTOCOL_HEADER]: "1" });
    expect([answer.status, answer.body]).toMatchObject([404, { code: "NOT_FOUND" }]);
  });
});

describe("a node's connection", () => {
  it("begins with hello and welcome, and the node is listed where others reach it", async () => {
    await using it = await ScriptedSupernode.start();
    await using node = await ScriptedNode.connect(it.authority, { endpoint: "0.0.0.0:65002" });
    expect(node.frames[0]).toMatchObject({ kind: "welcome", heartbeatMs: 60_000 });
    expect(await it.peers()).toMatchObject([
      { nodeId: node.nodeId, endpoint: "127.0.0.1:65002", tasks: 0, software: "scripted" },
    ]);
  });

  it.each([
    ["random bytes", Buffer.from("ffffffffffffffffffff", "hex")],
    ["nothing", Buffer.alloc(0)],
    ["a cut frame", Buffer.from([1, 10, 200])],
  ])("that brings %s is closed with 4400 and a reason, and counted", async (name, garbage) => {
    await using it = await ScriptedSupernode.start();
    await using node = await ScriptedNode.dial(it.authority);
    // An unknown message is skipped by design, so the bytes begin with the number of a known one.
    node.socket.send(name === "random bytes" ? Buffer.concat([Buffer.of(2), garbage]) : garbage);
    const { code, reason } = await node.closed;
    expect([code, reason]).toMatchObject([4400, expect.stringMatching(/^unreadable frame: /)]);
    expect(await it.metrics()).toContain("supernode_garbage_frames_total 1");
    await using other = await ScriptedNode.connect(it.authority);
    expect(other.frames).toHaveLength(1);
  });

  it.each(["text", "before hello", "second hello", "bad endpoint", "metadata endpoint"])(
    "that brings something out of place (%s) is closed with 4400",
    async (what) => {
      await using it = await ScriptedSupernode.start();
      const hello = {
        kind: "hello",
        nodeId: "a".repeat(32),
        endpoint: "10.0.0.1:1",
        zone: "",
        publicKey: new Uint8Array(32),
        software: "",
      } as const;
      await using node = await ScriptedNode.dial(it.authority);
      if (what === "text") node.socket.send("hello");
      if (what === "before hello") node.send({ kind: "starve", task: 1 });
      if (what === "bad endpoint") node.send({ ...hello, endpoint: "10.0.0.1" });
      if (what === "metadata endpoint") node.send({ ...hello, endpoint: "169.254.169.254:80" });
      if (what === "second hello") {
        node.send(hello);
        node.send(hello);
      }
      expect((await node.closed).code).toBe(4400);
    },
  );

  it("that brings too long a frame is closed", async () => {
    await using it = await ScriptedSupernode.start();
    await using node = await ScriptedNode.connect(it.authority);
    node.socket.send(Buffer.alloc(FRAME_LENGTH_BYTES_MAX + 1));
    expect((await node.closed).code).toBe(1009);
    expect(await it.metrics()).toContain("supernode_garbage_frames_total 1");
  });

  it("without a hello is closed after a while", async () => {
    await using it = await ScriptedSupernode.start({}, { helloMs: 30 });
    await using node = await ScriptedNode.dial(it.authority);
    expect(await node.closed).toEqual({ code: 4408, reason: "no hello came within 30 ms" });
  });

  it("replaces an earlier one of the same node", async () => {
    await using it = await ScriptedSupernode.start();
    const nodeId = "b".repeat(32);
    await using first = await ScriptedNode.connect(it.authority, { nodeId });
    await using second = await ScriptedNode.connect(it.authority, { nodeId });
    expect((await first.closed).code).toBe(4409);
    expect(second.frames[0]).toMatchObject({ kind: "welcome" });
    expect((await it.peers()).map((peer) => peer.nodeId)).toEqual([nodeId]);
  });

  it("with a task number used twice is closed", async () => {
    await using it = await ScriptedSupernode.start();
    await using node = await ScriptedNode.connect(it.authority);
    const join = {
      kind: "join",
      task: 5,
      origin: { url: "http://10.255.255.1/", headers: [] },
    } as const;
    node.send(join);
    node.send(join);
    expect((await node.closed).code).toBe(4400);
  });

  it("that does not answer heartbeats is dropped, others are not", async () => {
    await using it = await ScriptedSupernode.start({ heartbeat: 50 });
    await using dead = await ScriptedNode.connect(it.authority, { autoPong: false });
    await using alive = await ScriptedNode.connect(it.authority);
    expect((await dead.closed).code).toBe(1006);
    expect((await it.peers()).map((peer) => peer.nodeId)).toEqual([alive.nodeId]);
  });

  it("that takes nothing is dropped before it fills the memory", async () => {
    await using it = await ScriptedSupernode.start();
    await using node = await ScriptedNode.connect(it.authority);
    node.socket.pause();
    // Each join of a malformed task is answered by an abort; the node never reads one.
    const taskId = "x".repeat(150);
    const flood = (): void => {
      for (let i = 0; i < 2000; i++) node.join({ taskId });
    };
    const dropped = until(async () => (await it.peers()).length === 0, {
      what: "the node to be dropped",
    });
    const timer = setInterval(flood, 5);
    await dropped.finally(() => clearInterval(timer));
  });

  it("is closed with 1001 when the supernode stops", async () => {
    await using it = await ScriptedSupernode.start();
    await using node = await ScriptedNode.connect(it.authority);
    await it.stop();
    expect((await node.closed).code).toBe(1001);
  });

  it("that goes away is forgotten", async () => {
    await using it = await ScriptedSupernode.start();
    const node = await ScriptedNode.connect(it.authority);
    await node[Symbol.asyncDispose]();
    await until(async () => (await it.peers()).length === 0, {
      what: "the node to be forgotten",
    });
  });

  it("is not needed to be answered when it is no HTTP at all", async () => {
    await using it = await ScriptedSupernode.start();
    const socket = connect(it.port, "127.0.0.1");
    socket.end("\x16\x03\x01 hello\r\n\r\n");
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain('{"code":"BAD_REQUEST"');
  });
});
