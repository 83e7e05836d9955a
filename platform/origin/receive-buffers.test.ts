import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { systemClock } from "../clock.ts";
import { seededBytes } from "../../test/harness/seeded-bytes.ts";
import { AddressGate } from "./address-gate.ts";
import { OriginClient } from "./origin-client.ts";

const LENGTH_BYTES = 3 * 1024 * 1024 + 17;
const content = seededBytes("receive buffers", LENGTH_BYTES);
const never = new AbortController().signal;

describe("a body that is received into buffers that are used again", () => {
  const stack = new AsyncDisposableStack();
  let url: string;
  let client: OriginClient;

  beforeAll(async () => {
    const server = createServer((request, response) => {
      const [kind, ...parts] = request.url!.slice(1).split("/").map(Number);
      if (kind === 1) response.setHeader("content-length", LENGTH_BYTES);
      let offset = 0;
      for (const part of parts) offset += write(content.subarray(offset, offset + part));
      response.end(content.subarray(offset));
      function write(bytes: Uint8Array): number {
        response.write(bytes);
        return bytes.length;
      }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    stack.defer(async () => {
      server.closeAllConnections();
      await server[Symbol.asyncDispose]();
    });
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const gate = new AddressGate(["127.0.0.1"]);
    client = stack.use(new OriginClient({ gate, clock: systemClock, random: () => 0 }));
  });

  afterAll(() => stack.disposeAsync());

  it("is what was sent, however it was cut and however slowly it is read", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(0, 1),
        fc.array(fc.integer({ min: 1, max: 400_000 }), { maxLength: 7 }),
        fc.integer({ min: 1, max: 20 }),
        async (kind, parts, pauseEvery) => {
          const answer = await client.fetch(
            { method: "GET", url: `${url}/${[kind, ...parts].join("/")}`, headers: new Map() },
            never,
          );
          let offset = 0;
          let count = 0;
          for await (const chunk of answer.body) {
            // Whoever writes over a view that is not given back yet does so meanwhile.
            if (count++ % pauseEvery === 0) await new Promise((resolve) => setImmediate(resolve));
            expect(content.compare(chunk, 0, chunk.length, offset, offset + chunk.length)).toBe(0);
            offset += chunk.length;
          }
          expect(offset).toBe(LENGTH_BYTES);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("ends when its reader goes, and the client can go on", async () => {
    const request = { method: "GET", url: `${url}/1`, headers: new Map() } as const;
    for (let round = 0; round < 20; round++) {
      const answer = await client.fetch(request, never);
      for await (const chunk of answer.body) {
        expect(content.compare(chunk, 0, chunk.length, 0, chunk.length)).toBe(0);
        break;
      }
    }
  });
});
