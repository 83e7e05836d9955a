import { closeSync, openSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { responseHead } from "../../test/conformance/scripted-server.ts";
import { freePort } from "../../test/harness/free-port.ts";
import {
  BODY,
  LENGTH_BYTES,
  failure,
  fetcher,
  never,
  request,
  sendPiece,
  serve,
  stack,
} from "./piece-fetch-fixture.ts";

describe("PieceFetcher with a server that does not give the piece", () => {
  it.each([
    { status: "404 Not Found", reason: "not-found" },
    { status: "410 Gone", reason: "not-found" },
    { status: "503 Busy", reason: "no-slot" },
    { status: "429 Busy", reason: "no-slot" },
    { status: "500 Oops", reason: "broken" },
    { status: "302 Found", reason: "protocol" },
    { status: "206 Partial Content", reason: "protocol" },
    { status: "403 Forbidden", reason: "protocol" },
  ])("takes $status for $reason", async ({ status, reason }) => {
    const { port } = await serve((socket) => {
      socket.write(`${responseHead(status, 4, "retry-after: 7\r\n")}body`);
    });
    const error = await failure(fetcher().fetch(request(port), never));
    expect(error.reason).toBe(reason);
    expect(error.retryAfterMs).toBe(reason === "no-slot" ? 7000 : undefined);
  });

  it("keeps the connection after a refusal with a short body", async () => {
    let count = 0;
    const { port, connectionCount } = await serve((socket) => {
      if (count++ === 0) socket.write(`${responseHead("404 Not Found", 4)}body`);
      else sendPiece(socket);
    });
    const pieces = fetcher();
    expect((await failure(pieces.fetch(request(port), never))).reason).toBe("not-found");
    await pieces.fetch(request(port), never);
    expect(connectionCount()).toBe(1);
  });

  it.each([
    {
      what: "a shorter body",
      answer: responseHead("200 OK", LENGTH_BYTES - 1),
      reason: "protocol",
    },
    { what: "a longer body", answer: responseHead("200 OK", LENGTH_BYTES + 1), reason: "protocol" },
    { what: "rubbish", answer: "SSH-2.0-x\r\n\r\n\r\n", reason: "protocol" },
    {
      what: "endless headers",
      answer: `HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(9000)}`,
      reason: "protocol",
    },
    {
      what: "a chunked body",
      answer: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
      reason: "protocol",
    },
  ])("drops a connection with $what", async ({ answer, reason }) => {
    const { port, sockets } = await serve((socket) => void socket.write(answer));
    const error = await failure(fetcher().fetch(request(port), never));
    expect(error.reason).toBe(reason);
    await expect.poll(() => sockets.size).toBe(0);
  });

  it("takes neither of two answers that come at once", async () => {
    const answer = (body: string): string => `${responseHead("200 OK", 5)}${body}`;
    const { port } = await serve((socket) => void socket.write(answer("right") + answer("wrong")));
    const error = await failure(fetcher().fetch(request(port, { lengthBytes: 5 }), never));
    expect(error.reason).toBe("protocol");
    expect(error.message).toContain("more than was asked for");
  });

  it("does not take bytes that nobody asked for as the next answer", async () => {
    const { port, connectionCount } = await serve((socket) => {
      sendPiece(socket);
      socket.write(`${responseHead("200 OK", 3)}bad`);
    });
    const pieces = fetcher();
    // With the piece or after it: the junk costs the connection, never the next piece.
    await pieces.fetch(request(port), never).catch(() => {});
    await expect.poll(connectionCount).toBe(1);
    await pieces.fetch(request(port, { lengthBytes: 3 }), never).then(
      () => expect.unreachable("the junk was taken"),
      () => {},
    );
  });

  it("tells a broken connection from one that was never made", async () => {
    const { port } = await serve((socket) => {
      socket.write(responseHead("200 OK", LENGTH_BYTES));
      socket.end(BODY.subarray(0, 1000));
    });
    const pieces = fetcher();
    expect((await failure(pieces.fetch(request(port), never))).reason).toBe("broken");
    const closedPort = await freePort();
    const error = await failure(pieces.fetch(request(closedPort), never));
    expect(error.reason).toBe("refused");
    expect(error.message).toContain(`127.0.0.1:${closedPort}`);
  });

  it.each([
    { what: "does not answer", answer: "", limits: { firstByteTimeoutMs: 60 } },
    { what: "stops", answer: responseHead("200 OK", LENGTH_BYTES), limits: { stallTimeoutMs: 60 } },
    {
      what: "drips",
      answer: "drip",
      limits: {
        connectTimeoutMs: 50,
        firstByteTimeoutMs: 100,
        stallTimeoutMs: 50,
        rateMinBytesPerSecond: 1e9,
      },
    },
  ])("gives up a server that $what", async ({ answer, limits }) => {
    const { port, sockets } = await serve((socket) => {
      if (answer !== "drip") {
        socket.write(answer);
        return;
      }
      socket.write(responseHead("200 OK", LENGTH_BYTES));
      const drip = setInterval(() => void socket.write("x"), 10);
      socket.on("close", () => clearInterval(drip));
    });
    expect((await failure(fetcher(limits).fetch(request(port), never))).reason).toBe("timeout");
    await expect.poll(() => sockets.size).toBe(0);
  });

  it("says when the disk takes no bytes", async () => {
    const { port } = await serve(sendPiece);
    const full = openSync("/dev/full", "w");
    stack.defer(() => closeSync(full));
    const error = await failure(fetcher().fetch(request(port, { fd: full }), never));
    expect(error.reason).toBe("disk");
    expect(error.message).toContain("ENOSPC");
  });
});
