import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:net";
import * as fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";

import { seededBytes } from "../../test/harness/seeded-bytes.ts";
import { systemClock } from "../clock.ts";
import { AddressGate } from "./address-gate.ts";
import { DIRECT_LENGTH_BYTES_MIN } from "./direct-body.ts";
import { OriginClient } from "./origin-client.ts";
import { OriginStream } from "./origin-stream.ts";

const CONTENT = seededBytes("direct body", DIRECT_LENGTH_BYTES_MIN + 400_017);
const { signal } = new AbortController();

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

interface Answered {
  readonly socket: Socket;
  /** Counted from 0. */
  readonly nth: number;
  readonly firstByte: number | undefined;
}

/** A server that speaks HTTP by hand. */
async function serve(answer: (asked: Answered) => void) {
  const ranges: (number | undefined)[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (text) => {
      const first = /range: bytes=([0-9]+)-/.exec(String(text))?.[1];
      const firstByte = first === undefined ? undefined : Number(first);
      answer({ socket, nth: ranges.push(firstByte) - 1, firstByte });
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, ranges };
}

function head(firstByte: number | undefined, more = ""): string {
  const { length } = CONTENT;
  const status = firstByte === undefined ? "200 OK" : "206 Partial Content";
  const range =
    firstByte === undefined ? "" : `content-range: bytes ${firstByte}-${length - 1}/${length}\r\n`;
  return `HTTP/1.1 ${status}\r\netag: "1"\r\ncontent-length: ${length - (firstByte ?? 0)}\r\n${range}${more}\r\n`;
}

async function open(
  url: string,
  more: { stallTimeoutMs?: number; onBytes?: (lengthBytes: number) => void } = {},
) {
  const { stallTimeoutMs = 5000, onBytes = () => undefined } = more;
  const clock = { nowMs: () => 0, sleep: async () => {} };
  const gate = new AddressGate(["127.0.0.1"]);
  const client = stack.use(
    new OriginClient({ gate, clock: systemClock, random: () => 0 }, { stallTimeoutMs }),
  );
  const request = { url, headers: new Map<string, string>(), onBytes };
  const deps = { fetch: client.fetch, clock, random: () => 0 };
  return stack.use(await OriginStream.open(deps, request, signal));
}

/** Reads to the end, in steps of lengths that come round again. */
async function fillAll(stream: OriginStream, steps: readonly number[], isShared = false) {
  const parts: Buffer[] = [];
  for (let step = 0; ; step++) {
    const length = steps[step % steps.length]!;
    const memory = isShared ? new SharedArrayBuffer(length) : new ArrayBuffer(length);
    const filledBytes = await stream.readInto(new Uint8Array(memory), signal);
    parts.push(Buffer.from(new Uint8Array(memory, 0, filledBytes)));
    if (filledBytes < length) return Buffer.concat(parts);
    if (step % 3 === 2) await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("a long body that is received directly", () => {
  it("is what was sent, however it was cut and into whatever steps it is read", async () => {
    const length = fc.integer({ min: 60_000, max: 1_200_000 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(length, { minLength: 1, maxLength: 4 }),
        fc.array(length, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        async (sent, steps, isShared) => {
          const { url } = await serve(({ socket }) => void send(socket));
          async function send(socket: Socket): Promise<void> {
            let offset = 0;
            // The head comes alone, or with the first bytes.
            if (isShared) socket.write(head(undefined));
            else
              socket.write(Buffer.concat([Buffer.from(head(undefined)), CONTENT.subarray(0, 9)]));
            if (!isShared) offset = 9;
            for (let part = 0; offset < CONTENT.length; part++) {
              const end = offset + sent[part % sent.length]!;
              socket.write(CONTENT.subarray(offset, end));
              await new Promise((resolve) => setImmediate(resolve));
              offset = end;
            }
          }
          let bytes = 0;
          const stream = await open(url, { onBytes: (lengthBytes) => (bytes += lengthBytes) });
          const read = await fillAll(stream, steps, isShared);
          expect(read.equals(CONTENT)).toBe(true);
          expect(bytes).toBe(CONTENT.length);
        },
      ),
      { numRuns: 12 },
    );
  });

  it("ends where the head said, whatever comes behind, and its connection is closed", async () => {
    const closed = Promise.withResolvers<void>();
    const { url, ranges } = await serve(({ socket }) => {
      socket.once("close", () => closed.resolve());
      socket.write(head(undefined));
      socket.write(Buffer.concat([CONTENT, Buffer.from(head(undefined)), CONTENT]));
    });
    const stream = await open(url);
    expect((await fillAll(stream, [1_000_000])).equals(CONTENT)).toBe(true);
    await closed.promise;
    expect(ranges).toHaveLength(1);
  });

  it("goes on by Range where the connection was cut", async () => {
    const { url, ranges } = await serve(({ socket, nth, firstByte }) => {
      const rest = CONTENT.subarray(firstByte ?? 0);
      socket.write(head(firstByte, nth === 1 ? "connection: close\r\n" : ""));
      if (nth < 2) socket.end(rest.subarray(0, 1_234_567));
      else if (nth === 2) socket.write(rest.subarray(0, 500_000), () => socket.resetAndDestroy());
      else socket.write(rest);
    });
    const stream = await open(url);
    expect((await fillAll(stream, [700_000])).equals(CONTENT)).toBe(true);
    expect(ranges.slice(0, 3)).toEqual([undefined, 1_234_567, 2 * 1_234_567]);
    // Of what came before a reset some may be lost.
    expect(ranges).toHaveLength(4);
  });

  it("is asked for again where its sender stands still, but not where its reader does", async () => {
    const { url, ranges } = await serve(({ socket, nth, firstByte }) => {
      const rest = CONTENT.subarray(firstByte ?? 0);
      socket.write(head(firstByte));
      socket.write(nth === 0 ? rest.subarray(0, 3_000_000) : rest);
    });
    const stream = await open(url, { stallTimeoutMs: 300 });
    const first = new Uint8Array(1000);
    expect(await stream.readInto(first, signal)).toBe(1000);
    const asked = ranges.length;
    // Longer than a sender may stand still.
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await stream.readInto(first, signal)).toBe(1000);
    expect(ranges).toHaveLength(asked);
    const rest = await fillAll(stream, [900_000]);
    expect(rest.equals(CONTENT.subarray(2000))).toBe(true);
    expect(ranges.length).toBeGreaterThan(1);
  });

  it("is given up at once with the reason of the signal", async () => {
    const closed = Promise.withResolvers<void>();
    const { url } = await serve(({ socket }) => {
      socket.once("close", () => closed.resolve());
      socket.write(head(undefined));
      socket.write(CONTENT.subarray(0, 100_000));
    });
    const stream = await open(url);
    const abort = new AbortController();
    const filling = stream.readInto(new Uint8Array(200_000), abort.signal);
    const reason = new Error("gone");
    setImmediate(() => abort.abort(reason));
    await expect(filling).rejects.toBe(reason);
    await closed.promise;
  });

  it("is read by way of the parser where its length is not said", async () => {
    const { url } = await serve(({ socket }) => {
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
      socket.write(`${CONTENT.length.toString(16)}\r\n`);
      socket.write(CONTENT);
      socket.write("\r\n0\r\n\r\n");
    });
    expect((await fillAll(await open(url), [1_000_000])).equals(CONTENT)).toBe(true);
  });
});
