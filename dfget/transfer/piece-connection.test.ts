import { setImmediate as turn } from "node:timers/promises";
import { afterEach, expect, it, vi } from "vitest";

import { TokenBucket } from "../../platform/token-bucket.ts";
import { responseHead, startScriptedServer } from "../../test/conformance/scripted-server.ts";
import { testBytes, testCertificate } from "../../test/conformance/piece-fixture.ts";
import { DownloadEngine } from "./download-engine.ts";
import type { FetchedPiece } from "./fetch-message.ts";
import { DEFAULT_FETCH_LIMITS } from "./fetch-message.ts";
import type { PieceFetchError } from "./piece-fetch-error.ts";

afterEach(() => void vi.useRealTimers());

it("reads a body on at once when the head came alone, as it comes from a disk", async () => {
  const lengthBytes = 32 * 1024;
  const body = testBytes(3, lengthBytes);
  const certificate = Buffer.from(testCertificate(body)).toString("base64url");
  using server = await startScriptedServer((socket) => {
    socket.write(responseHead("200 OK", lengthBytes, `darter-piece: ${certificate}\r\n`));
    void (async () => {
      for (let turns = 0; turns < 20; turns++) await turn();
      socket.write(body);
    })();
  });
  // Whatever waits for a time waits for ever.
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  const { promise, resolve } = Promise.withResolvers<FetchedPiece | PieceFetchError>();
  const engine = new DownloadEngine(DEFAULT_FETCH_LIMITS, new TokenBucket(), (_id, result) =>
    resolve(result),
  );
  const place = { fd: undefined, offsetBytes: 0, lengthBytes };
  engine.fetch(1, { host: "127.0.0.1", port: server.port, path: "/p", headers: {}, ...place });
  const result = await promise;
  expect("bytes" in result && Buffer.from(result.bytes!).equals(body)).toBe(true);
});
