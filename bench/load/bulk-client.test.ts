import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import * as fc from "fast-check";
import { expect, it } from "vitest";

import type { BulkCounts } from "./bulk-client.ts";
import { AnswerReader, readInBulk } from "./bulk-client.ts";

const ANSWER = "HTTP/1.1 206 Partial Content\r\nX-A: b\r\nContent-Length: 10\r\n\r\n0123456789";

it("finds the end of each answer however its bytes are cut", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(ANSWER.length), { maxLength: 6 }), (cuts) => {
      const reader = new AnswerReader();
      const bytes = Buffer.from(ANSWER);
      for (let round = 0; round < 2; round++) {
        const ends = [...cuts, bytes.length].sort((a, b) => a - b);
        const answers = ends.map((end, i) => reader.take(bytes.subarray(ends[i - 1] ?? 0, end)));
        const whole = answers.filter((answer) => answer !== undefined);
        expect(whole).toEqual([{ status: 206, lengthBytes: 10 }]);
      }
    }),
  );
});

it.each([
  ["nonsense\r\n\r\n", "no status or no length"],
  ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "no status or no length"],
  ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", "longer than its head says"],
  ["x".repeat(20_000), "has no end"],
])("says what is wrong with %j", (bytes, sentence) => {
  expect(() => new AnswerReader().take(Buffer.from(bytes))).toThrow(sentence);
});

it("reads answers of a server until the time is over, and counts those of another status", async () => {
  const body = Buffer.alloc(600_000);
  let asked = 0;
  await using server = createServer((_request, response) => {
    asked += 1;
    response.writeHead(asked === 2 ? 503 : 200, { "content-length": body.length }).end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const counts: BulkCounts = { bytes: 0, unexpected: 0, latenciesMs: [] };
  const head = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
  const target = { host: "127.0.0.1", port, head, status: 200 };
  await readInBulk(target, performance.now() + 50, counts);
  // Each of these ends after one answer, because its time is over.
  for (let more = 0; more < 3; more++) await readInBulk(target, 0, counts);
  expect(counts.latenciesMs).toHaveLength(asked);
  expect(counts.bytes).toBe(asked * body.length);
  expect(counts.unexpected).toBe(1);
});
