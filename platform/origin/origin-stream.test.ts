import { once } from "node:events";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { seededBytes } from "../../test/harness/seeded-bytes.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { AddressGate } from "./address-gate.ts";
import { OriginClient } from "./origin-client.ts";
import type { OriginStreamRequest } from "./origin-stream.ts";
import { OriginStream } from "./origin-stream.ts";

const CONTENT = seededBytes("origin stream", 400_000);
const { signal } = new AbortController();

const stack: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of stack.splice(0).toReversed()) await close();
});

interface Origin {
  readonly url: string;
  readonly ranges: (string | undefined)[];
}

async function origin(listener: RequestListener): Promise<Origin> {
  const ranges: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    ranges.push(request.headers.range);
    listener(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.push(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/f`, ranges };
}

/** Serves CONTENT by ranges; `cutAt` tells for the nth request how many bytes are sent before the cut. */
function ranged(
  headers: Record<string, string>,
  cutAt: (nth: number) => number | undefined,
  content: (nth: number) => Uint8Array = () => CONTENT,
): RequestListener {
  let nth = 0;
  return (request, response) => {
    nth += 1;
    const bytes = content(nth);
    const first = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? -1);
    const validator = request.headers["if-range"];
    const isPart =
      first >= 0 && (validator === undefined || Object.values(headers).includes(String(validator)));
    const body = isPart ? bytes.subarray(first) : bytes;
    response.writeHead(isPart ? 206 : 200, {
      ...headers,
      "content-length": body.length,
      ...(isPart ? { "content-range": `bytes ${first}-${bytes.length - 1}/${bytes.length}` } : {}),
    });
    sendCut(response, body, cutAt(nth));
  };
}

function sendCut(response: ServerResponse, body: Uint8Array, cutAt: number | undefined): void {
  if (cutAt === undefined) response.end(body);
  else response.write(body.subarray(0, cutAt), () => response.destroy());
}

async function open(request: OriginStreamRequest, stallTimeoutMs = 5000): Promise<OriginStream> {
  const clock = { nowMs: () => 0, sleep: async () => {} };
  const random = (): number => 0;
  const client = new OriginClient(
    { gate: new AddressGate(["127.0.0.1"]), clock, random },
    { stallTimeoutMs },
  );
  stack.push(async () => await client[Symbol.asyncDispose]());
  return await OriginStream.open({ fetch: client.fetch, clock, random }, request, signal);
}

async function readAll(request: OriginStreamRequest, stallTimeoutMs?: number): Promise<Buffer> {
  return await collect(await open(request, stallTimeoutMs));
}

let collect = collectChunks;

async function collectChunks(stream: OriginStream): Promise<Buffer> {
  const copies: Buffer[] = [];
  for await (const chunk of stream.chunks(signal)) copies.push(Buffer.from(chunk));
  return Buffer.concat(copies);
}

async function collectFilled(stream: OriginStream): Promise<Buffer> {
  using _stream = stream;
  const copies: Buffer[] = [];
  for (;;) {
    const target = Buffer.alloc(150_001);
    const filledBytes = await stream.readInto(target, signal);
    copies.push(target.subarray(0, filledBytes));
    if (filledBytes < target.length) return Buffer.concat(copies);
  }
}

async function failureCode(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ProtocolError);
  return (error as ProtocolError).code;
}

const plain = (url: string): OriginStreamRequest => ({ url, headers: new Map() });

describe.each([
  ["read view by view", collectChunks],
  ["read into memory", collectFilled],
])("an origin stream %s", (_how, how) => {
  beforeEach(() => void (collect = how));

  it("reads a content by one request and tells what the origin says of it", async () => {
    const { url, ranges } = await origin((_request, response) =>
      response
        .writeHead(200, {
          "content-length": CONTENT.length,
          "content-type": "text/x",
          etag: '"1"',
          "last-modified": "Mon, 02 Nov 2026 10:00:00 GMT",
          "accept-ranges": "bytes",
        })
        .end(CONTENT),
    );
    let requests = 0;
    let bytes = 0;
    const stream = await open({
      ...plain(url),
      onRequest: () => (requests += 1),
      onBytes: (lengthBytes) => (bytes += lengthBytes),
    });
    expect(stream.metadata).toEqual({
      lengthBytes: CONTENT.length,
      etag: '"1"',
      lastModified: "Mon, 02 Nov 2026 10:00:00 GMT",
      mediaType: "text/x",
      acceptsRanges: true,
      finalUrl: url,
    });
    expect((await collect(stream)).equals(CONTENT)).toBe(true);
    expect({ requests, bytes, ranges }).toEqual({
      requests: 1,
      bytes: CONTENT.length,
      ranges: [undefined],
    });
  });

  it("reads an empty content and one of unknown length", async () => {
    const empty = await origin((_request, response) => response.end());
    expect(await readAll(plain(empty.url))).toHaveLength(0);
    const chunked = await origin((_request, response) => {
      response.write(CONTENT.subarray(0, 1000));
      response.end(CONTENT.subarray(1000));
    });
    const stream = await open(plain(chunked.url));
    expect(stream.metadata.lengthBytes).toBeUndefined();
    expect((await collect(stream)).equals(CONTENT)).toBe(true);
  });

  it.each([
    ["a strong ETag", { etag: '"1"' }],
    ["Last-Modified", { "last-modified": "Mon, 02 Nov 2026 10:00:00 GMT" }],
    ["no validator but the length", {}],
  ])("goes on after cuts where it was, with %s", async (_name, headers) => {
    const { url, ranges } = await origin(ranged(headers, (nth) => [100_000, 70_000][nth - 1]));
    expect((await readAll(plain(url))).equals(CONTENT)).toBe(true);
    expect(ranges[0]).toBeUndefined();
    expect(ranges.slice(1)).toEqual(["bytes=100000-", "bytes=170000-"]);
  });

  it("goes on after a cut of a content of unknown length when the ETag says that it is the same", async () => {
    const serve = ranged({ etag: '"1"' }, () => undefined);
    let nth = 0;
    const { url, ranges } = await origin((request, response) => {
      nth += 1;
      if (nth > 1) return serve(request, response);
      response.writeHead(200, { etag: '"1"' });
      return sendCut(response, CONTENT, 50_000);
    });
    expect((await readAll(plain(url))).equals(CONTENT)).toBe(true);
    expect(ranges[1]).toBe("bytes=50000-");
  });

  it("skips what it has when the origin knows no ranges", async () => {
    let nth = 0;
    let bytes = 0;
    const { url } = await origin((_request, response) => {
      nth += 1;
      response.writeHead(200, { "content-length": CONTENT.length, etag: '"1"' });
      sendCut(response, CONTENT, nth === 1 ? 300_000 : undefined);
    });
    const read = await readAll({ ...plain(url), onBytes: (lengthBytes) => (bytes += lengthBytes) });
    expect(read.equals(CONTENT)).toBe(true);
    expect(bytes).toBe(CONTENT.length + 300_000);
  });

  it("cannot go on without length and validator, unless a digest is checked", async () => {
    const cutOnce = (): RequestListener => {
      let nth = 0;
      return (_request: IncomingMessage, response: ServerResponse) => {
        nth += 1;
        response.writeHead(200);
        sendCut(response, CONTENT, nth === 1 ? 50_000 : undefined);
      };
    };
    const first = await origin(cutOnce());
    expect(await failureCode(readAll(plain(first.url)))).toBe("ORIGIN_FAILED");
    const second = await origin(cutOnce());
    const read = await readAll({ ...plain(second.url), isDigestChecked: true });
    expect(read.equals(CONTENT)).toBe(true);
  });

  it.each([
    ["another ETag", { etag: '"2"' }, CONTENT],
    ["another length", { etag: '"1"' }, CONTENT.subarray(1)],
  ])("ends when the content changes meanwhile: %s", async (_name, headers, content) => {
    const before = ranged({ etag: '"1"' }, () => 100_000);
    const after = ranged(
      headers,
      () => undefined,
      () => content,
    );
    let nth = 0;
    const { url } = await origin((request, response) =>
      (nth++ === 0 ? before : after)(request, response),
    );
    expect(await failureCode(readAll(plain(url)))).toBe("ORIGIN_CHANGED");
  });

  it("ends when the content has become shorter than what was read", async () => {
    const before = ranged({ etag: '"1"' }, () => 100_000);
    let nth = 0;
    const { url } = await origin((request, response) =>
      nth++ === 0 ? before(request, response) : response.writeHead(416).end(),
    );
    expect(await failureCode(readAll(plain(url)))).toBe("ORIGIN_CHANGED");
  });

  it("refuses a part other than the one asked for", async () => {
    const before = ranged({ etag: '"1"' }, () => 100_000);
    let nth = 0;
    const { url } = await origin((request, response) =>
      nth++ === 0
        ? before(request, response)
        : response
            .writeHead(206, { etag: '"1"', "content-range": `bytes 0-9/${CONTENT.length}` })
            .end(CONTENT.subarray(0, 10)),
    );
    expect(await failureCode(readAll(plain(url)))).toBe("ORIGIN_FAILED");
  });

  it("refuses more than the length that was told", async () => {
    const { url } = await origin((request, response) => {
      const isFirst = request.headers.range === undefined;
      response.writeHead(isFirst ? 200 : 206, {
        etag: '"1"',
        ...(isFirst
          ? { "content-length": CONTENT.length }
          : { "content-range": `bytes 100000-${CONTENT.length - 1}/${CONTENT.length}` }),
      });
      sendCut(
        response,
        isFirst ? CONTENT : CONTENT.subarray(90_000),
        isFirst ? 100_000 : undefined,
      );
    });
    expect(await failureCode(readAll(plain(url)))).toBe("ORIGIN_FAILED");
  });

  it("gives up an origin that breaks off again and again", async () => {
    const { url, ranges } = await origin(ranged({ etag: '"1"' }, () => 100));
    expect(await failureCode(readAll(plain(url)))).toBe("ORIGIN_FAILED");
    expect(ranges).toHaveLength(9);
  });

  it("goes on when an origin that stands still is asked again", async () => {
    let nth = 0;
    const serve = ranged({ etag: '"1"' }, () => undefined);
    const { url, ranges } = await origin((request, response) => {
      nth += 1;
      if (nth > 1) return serve(request, response);
      response.writeHead(200, { etag: '"1"', "content-length": CONTENT.length });
      return response.write(CONTENT.subarray(0, 1000));
    });
    expect((await readAll(plain(url), 300)).equals(CONTENT)).toBe(true);
    // A machine that stands still itself for so long makes it ask once more.
    expect(ranges.slice(0, 2)).toEqual([undefined, "bytes=1000-"]);
  });

  it("begins in the middle when the version is the one expected, and not when it is another", async () => {
    const { url, ranges } = await origin(ranged({ etag: '"1"' }, () => undefined));
    const expected = { lengthBytes: CONTENT.length, etag: '"1"', lastModified: undefined };
    const read = await readAll({ ...plain(url), startOffset: 300_000, expected });
    expect(read.equals(CONTENT.subarray(300_000))).toBe(true);
    expect(ranges).toEqual(["bytes=300000-"]);
    const other = { ...expected, etag: '"0"' };
    expect(
      await failureCode(readAll({ ...plain(url), startOffset: 300_000, expected: other })),
    ).toBe("ORIGIN_CHANGED");
  });

  it.each([
    [
      "by ranges",
      (): RequestListener => ranged({ etag: '"1"' }, (nth) => (nth === 1 ? 20 : undefined)),
    ],
    [
      "without ranges",
      (): RequestListener => (_request, response) =>
        response.writeHead(200, { "content-length": CONTENT.length }).end(CONTENT),
    ],
  ])("reads a part only, %s", async (_name, listener) => {
    const { url } = await origin(listener());
    const read = await readAll({ ...plain(url), startOffset: 1000, endOffset: 5000 });
    expect(read.equals(CONTENT.subarray(1000, 5000))).toBe(true);
  });

  it("stops at once when the reader goes, and lets the connection go", async () => {
    const closed = Promise.withResolvers<void>();
    const { url } = await origin((_request, response) => {
      response.once("close", () => closed.resolve());
      response.writeHead(200, { "content-length": CONTENT.length });
      response.write(CONTENT.subarray(0, 1000));
    });
    const abort = new AbortController();
    const stream = await open(plain(url));
    const reason = new Error("gone");
    const reading = (async () => {
      for await (const chunk of stream.chunks(abort.signal)) {
        if (chunk.length > 0) abort.abort(reason);
      }
    })();
    await expect(reading).rejects.toBe(reason);
    await closed.promise;
  });
});
