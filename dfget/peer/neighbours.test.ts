import { once } from "node:events";
import { Registry } from "prom-client";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";

import type { Endpoint } from "../../protocol/endpoint.ts";
import { formatEndpoint } from "../../protocol/endpoint.ts";
import type { NodeId } from "../../protocol/node-id.ts";
import type { PeerFrame } from "../../protocol/peer-frames.ts";
import { peerFrames } from "../../protocol/peer-frames.ts";
import { PROTOCOL_HEADER } from "../../protocol/version.ts";
import { systemClock } from "../../platform/clock.ts";
import { silentLog } from "../../platform/log.ts";
import { Neighbours } from "./neighbours.ts";
import { PeerServer } from "./peer-server.ts";

interface TestNode {
  readonly nodeId: NodeId;
  readonly endpoint: Endpoint;
  readonly neighbours: Neighbours;
  readonly events: string[];
  readonly frames: PeerFrame[];
  /** Resolves when the events contain a word so many times. */
  saw(word: string, count?: number): Promise<void>;
}

const nodes: { neighbours: Neighbours; server: PeerServer }[] = [];

afterEach(async () => {
  for (const { neighbours, server } of nodes.splice(0)) {
    neighbours.close();
    await server.close(0);
  }
});

async function startNode(digit: string): Promise<TestNode> {
  const nodeId = digit.repeat(32) as NodeId;
  const self = { nodeId, endpoint: { host: "127.0.0.1", port: 0 } };
  const events: string[] = [];
  const frames: PeerFrame[] = [];
  const waiting = new Set<() => void>();
  const note = (event: string): void => {
    events.push(event);
    for (const check of waiting) check();
  };
  const neighbours = new Neighbours(
    self,
    {
      up(link, resumed) {
        for (const task of resumed) link.tasks.add(task);
        note(`up ${link.nodeId[0]}`);
      },
      down: (link) => note(`down ${link.nodeId[0]}`),
      unreachable: (other) => note(`unreachable ${other[0]}`),
      frame(_link, frame) {
        frames.push(frame);
        note(frame.kind);
      },
    },
    { clock: systemClock, log: silentLog },
  );
  const server = new PeerServer({
    metrics: new Registry(),
    clock: systemClock,
    upload: async () => "NOT_FOUND",
    neighbour: (socket, request) => neighbours.accept(socket, request),
  });
  self.endpoint = await server.listen(self.endpoint);
  nodes.push({ neighbours, server });
  const saw = (word: string, count = 1): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (events.filter((event) => event === word).length < count) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  return { nodeId, endpoint: self.endpoint, neighbours, events, frames, saw };
}

/** Waits until something that has no event of its own has happened. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
}

describe("neighbours", () => {
  it("know each other after one of them dialled, and exchange frames", async () => {
    const a = await startNode("a");
    const b = await startNode("b");
    a.neighbours.dial(b);
    await Promise.all([a.saw("up b"), b.saw("up a")]);
    const link = b.neighbours.byNode(a.nodeId)!;
    expect(link.endpoint).toEqual(a.endpoint);
    link.send({ kind: "grant", task: 12 });
    await a.saw("grant");
    expect(a.frames).toEqual([{ kind: "grant", task: 12 }]);
  });

  it("keep one connection when both dial at the same moment", async () => {
    const a = await startNode("a");
    const b = await startNode("b");
    a.neighbours.dial(b);
    b.neighbours.dial(a);
    await Promise.all([a.saw("up b"), b.saw("up a")]);
    a.neighbours.byNode(b.nodeId)!.tasks.add(7);
    await until(() => a.neighbours.byNode(b.nodeId)!.isOurs);
    await until(() => b.neighbours.byNode(a.nodeId)?.isOurs === false);
    expect(a.neighbours.byNode(b.nodeId)!.tasks).toEqual(new Set([7]));
    expect([a.neighbours.count, b.neighbours.count]).toEqual([1, 1]);
    expect(a.neighbours.byNode(b.nodeId)!.isOurs).toBe(true);
    expect(b.neighbours.byNode(a.nodeId)!.isOurs).toBe(false);
  });

  it("say when a node that was dialled does not answer", async () => {
    const a = await startNode("a");
    const b = await startNode("b");
    await nodes.pop()!.server.close(0);
    a.neighbours.dial(b);
    await a.saw("unreachable b");
    expect(a.neighbours.count).toBe(0);
  });

  it("drop a node that is another than it was said to be", async () => {
    const a = await startNode("a");
    const b = await startNode("b");
    a.neighbours.dial({ nodeId: "c".repeat(32) as NodeId, endpoint: b.endpoint });
    await a.saw("unreachable c");
    expect(a.neighbours.count).toBe(0);
  });

  it("notice when the other side goes away", async () => {
    const a = await startNode("a");
    const b = await startNode("b");
    a.neighbours.dial(b);
    await a.saw("up b");
    b.neighbours.close();
    await a.saw("down b");
    expect(a.neighbours.byNode(b.nodeId)).toBeUndefined();
  });

  it("close a connection that brings garbage, with a word about it", async () => {
    const a = await startNode("a");
    const stranger = new WebSocket(`ws://${formatEndpoint(a.endpoint)}/control`, {
      headers: { [PROTOCOL_HEADER]: "1" },
    });
    await once(stranger, "open");
    stranger.send(Buffer.from([4, 0xff, 0xff]));
    const [code] = (await once(stranger, "close")) as [number];
    expect(code).toBe(4400);
  });

  it("take a neighbour's address from the connection, not from its word", async () => {
    const a = await startNode("a");
    const stranger = new WebSocket(`ws://${formatEndpoint(a.endpoint)}/control`, {
      headers: { [PROTOCOL_HEADER]: "1" },
    });
    await once(stranger, "open");
    const nodeId = "d".repeat(32) as NodeId;
    stranger.send(peerFrames.encode({ kind: "greeting", nodeId, endpoint: "169.254.169.254:80" }));
    await a.saw("up d");
    expect(a.neighbours.byNode(nodeId)!.endpoint).toEqual({ host: "127.0.0.1", port: 80 });
    stranger.terminate();
  });

  it("refuse a connection that speaks another version of the protocol", async () => {
    const a = await startNode("a");
    const stranger = new WebSocket(`ws://${formatEndpoint(a.endpoint)}/control`, {
      headers: { [PROTOCOL_HEADER]: "99" },
    });
    const [, response] = (await once(stranger, "unexpected-response")) as [
      unknown,
      { statusCode: number; destroy(): void },
    ];
    expect(response.statusCode).toBe(426);
    response.destroy();
    stranger.on("error", () => undefined);
    stranger.terminate();
  });

  it("takes an address that no URL can have for a node that does not answer", async () => {
    const a = await startNode("a");
    const nodeId = "b".repeat(32) as NodeId;
    a.neighbours.dial({ nodeId, endpoint: { host: "10.0.0.256", port: 65002 } });
    await a.saw("unreachable b");
    expect(a.neighbours.count).toBe(0);
  });
});
