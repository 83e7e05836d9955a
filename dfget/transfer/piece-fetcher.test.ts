import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { silentLog } from "../../platform/log.ts";
import { TokenBucket } from "../../platform/token-bucket.ts";
import { responseHead } from "../../test/conformance/scripted-server.ts";
import { PieceFetcher } from "./piece-fetcher.ts";
import {
  BODY,
  CERTIFICATE,
  LENGTH_BYTES,
  directory,
  failure,
  fetcher,
  never,
  request,
  sendPiece,
  serve,
  stack,
} from "./piece-fetch-fixture.ts";

describe("PieceFetcher with a server that holds the piece", () => {
  it("writes the piece to its place and returns its sha256 and certificate", async () => {
    const heads: string[] = [];
    const { port } = await serve((socket, text) => {
      heads.push(text);
      sendPiece(socket);
    });
    const headers = { "Darter-Node": "ab" };
    const place = { offsetBytes: 12_345 };
    const result = await fetcher().fetch(request(port, { headers, ...place }), never);
    expect(heads[0]).toBe(`GET /pieces/x/1 HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ndarter-node: ab`);
    expect(Buffer.from(result.sha256)).toEqual(createHash("sha256").update(BODY).digest());
    expect(Buffer.from(result.certificate!)).toEqual(CERTIFICATE);
    expect(result.bytes).toBeUndefined();
    expect(result.durationMs).toBeGreaterThan(0);
    const file = readFileSync(join(directory, "file"));
    expect(file.length).toBe(12_345 + LENGTH_BYTES);
    expect(file.subarray(12_345).equals(BODY)).toBe(true);
  });

  it("returns the bytes when there is no file to write to", async () => {
    const { port } = await serve(sendPiece);
    const result = await fetcher().fetch(request(port, { fd: undefined }), never);
    expect(Buffer.from(result.bytes!).equals(BODY)).toBe(true);
  });

  it("reads a range and checks that it is the one asked for", async () => {
    const { port } = await serve((socket) => {
      socket.write(
        responseHead("206 Partial Content", 3, "content-range: bytes 5-7/10\r\n") + "abc",
      );
    });
    const pieces = fetcher();
    const part = { lengthBytes: 3, headers: { Range: "bytes=5-7" } };
    await pieces.fetch(request(port, part), never);
    expect(readFileSync(join(directory, "file"), "latin1").slice(0, 3)).toBe("abc");
    const other = { lengthBytes: 3, headers: { range: "bytes=4-6" } };
    expect((await failure(pieces.fetch(request(port, other), never))).reason).toBe("protocol");
  });

  it("uses one connection again, and as many as it may at once", async () => {
    const { port, connectionCount } = await serve(sendPiece);
    const pieces = fetcher({ connectionsPerEndpointMax: 2 });
    const all = (count: number): Promise<unknown> =>
      Promise.all(
        Array.from({ length: count }, (_, index) =>
          pieces.fetch(request(port, { offsetBytes: index * LENGTH_BYTES }), never),
        ),
      );
    await all(1);
    await all(1);
    expect(connectionCount()).toBe(1);
    await all(7);
    expect(connectionCount()).toBe(2);
    const file = readFileSync(join(directory, "file"));
    for (let index = 0; index < 7; index++) {
      expect(file.subarray(index * LENGTH_BYTES, (index + 1) * LENGTH_BYTES).equals(BODY)).toBe(
        true,
      );
    }
  });

  it("leaves a connection that reads much at once to fetches without a limit", async () => {
    const { port, connectionCount } = await serve(sendPiece);
    const pieces = fetcher({ connectionsPerEndpointMax: 1 });
    const limit = new TokenBucket();
    limit.bytesPerSecond = 100e6;
    const connections: number[] = [];
    for (const taskBucket of [undefined, limit.memory, limit.memory, undefined]) {
      await pieces.fetch(request(port, { taskBucket }), never);
      connections.push(connectionCount());
    }
    expect(connections).toEqual([1, 2, 2, 2]);
  });

  it("gives up an idle connection when another endpoint needs one", async () => {
    const first = await serve(sendPiece);
    const second = await serve(sendPiece);
    const pieces = fetcher({ connectionsMax: 1, idleTimeoutMs: 60_000 });
    for (const { port } of [first, second, first]) await pieces.fetch(request(port), never);
    const both = [first, second].map(({ port }, index) =>
      pieces.fetch(request(port, { offsetBytes: index * LENGTH_BYTES }), never),
    );
    await Promise.all(both);
    await expect.poll(() => first.sockets.size + second.sockets.size).toBe(1);
  });

  it("asks again on a new connection when the server had closed the kept one", async () => {
    const { port, connectionCount } = await serve((socket, _head, connectionIndex) => {
      // The second request on a connection finds it closed.
      if (socket.bytesWritten === 0) sendPiece(socket);
      else if (connectionIndex === 0) socket.destroy();
    });
    const pieces = fetcher();
    await pieces.fetch(request(port), never);
    await pieces.fetch(request(port), never);
    expect(connectionCount()).toBe(2);
  });

  it("closes a connection that stays idle", async () => {
    const { port, sockets } = await serve(sendPiece);
    await fetcher({ idleTimeoutMs: 50 }).fetch(request(port), never);
    await expect.poll(() => sockets.size).toBe(0);
  });

  it("returns no certificate when the header is no base64url", async () => {
    const { port } = await serve((socket) => {
      socket.write(responseHead("200 OK", LENGTH_BYTES, "darter-piece: a+b=\r\n"));
      socket.write(BODY);
    });
    const { certificate } = await fetcher().fetch(request(port), never);
    expect(certificate).toBeUndefined();
  });
});

describe("PieceFetcher when it is told to stop", () => {
  it("writes nothing more after an aborted fetch was rejected", async () => {
    const { port, sockets } = await serve((socket) => {
      socket.write(responseHead("200 OK", LENGTH_BYTES));
      const more = (): boolean => socket.write(BODY.subarray(0, 1000));
      const flow = setInterval(more, 1);
      socket.on("close", () => clearInterval(flow));
    });
    const abort = new AbortController();
    const fetching = failure(fetcher().fetch(request(port), abort.signal));
    const file = join(directory, "file");
    await expect.poll(() => readFileSync(file).length).toBeGreaterThan(0);
    abort.abort();
    expect((await fetching).reason).toBe("aborted");
    const lengthBytes = readFileSync(file).length;
    await expect.poll(() => sockets.size).toBe(0);
    expect(readFileSync(file).length).toBe(lengthBytes);
  });

  it("ends a fetch that waits for a connection, and one whose signal was aborted before", async () => {
    const { port } = await serve(() => {});
    const pieces = fetcher({ connectionsPerEndpointMax: 1 });
    const abort = new AbortController();
    const running = failure(pieces.fetch(request(port), abort.signal));
    const waiting = new AbortController();
    const place = { offsetBytes: LENGTH_BYTES };
    const second = failure(pieces.fetch(request(port, place), waiting.signal));
    waiting.abort();
    expect((await second).reason).toBe("aborted");
    expect((await failure(pieces.fetch(request(port, place), waiting.signal))).reason).toBe(
      "aborted",
    );
    abort.abort();
    expect((await running).reason).toBe("aborted");
    expect(pieces.fetchCount).toBe(0);
  });

  it("aborts everything when it is closed", async () => {
    const { port } = await serve(() => {});
    const pieces = fetcher();
    const running = failure(pieces.fetch(request(port), never));
    await pieces[Symbol.asyncDispose]();
    expect((await running).reason).toBe("aborted");
    expect((await failure(pieces.fetch(request(port), never))).reason).toBe("aborted");
  });

  it("takes no more fetches than its limit", async () => {
    const { port } = await serve(() => {});
    const pieces = fetcher({ fetchesMax: 1 });
    const abort = new AbortController();
    const running = failure(pieces.fetch(request(port), abort.signal));
    const place = { offsetBytes: LENGTH_BYTES };
    expect((await failure(pieces.fetch(request(port, place), never))).message).toContain(
      "More than 1",
    );
    abort.abort();
    await running;
  });
});

describe("PieceFetcher when its user or its thread fails", () => {
  it.each([
    { path: "/a b" },
    { path: "a" },
    { path: "/a\r\nx: y" },
    { headers: { "x y": "z" } },
    { headers: { x: "y\r\nz: 1" } },
    { lengthBytes: 0 },
  ])("refuses to send %j", async (more) => {
    await expect(fetcher().fetch(request(1, more), never)).rejects.toThrow(TypeError);
  });

  it("rejects what was on its way when the thread dies, and starts a new one", async () => {
    const code = `
      import { parentPort } from "node:worker_threads";
      let count = 0;
      parentPort.on("message", ({ kind, id }) => {
        if (kind === "fetch") setImmediate(() => { throw new Error("planned"); });
      });`;
    const workerUrl = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
    const pieces = stack.use(new PieceFetcher({ log: silentLog, workerUrl }));
    for (let round = 0; round < 2; round++) {
      const error = await failure(pieces.fetch(request(1), never));
      expect(error.reason).toBe("internal");
      expect(error.message).toContain("died");
    }
    expect(pieces.fetchCount).toBe(0);
  });
});
