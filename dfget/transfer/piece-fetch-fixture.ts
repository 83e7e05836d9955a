import { closeSync, openSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import { silentLog } from "../../platform/log.ts";
import type { ScriptedServer } from "../../test/conformance/scripted-server.ts";
import { responseHead, startScriptedServer } from "../../test/conformance/scripted-server.ts";
import { testBytes, testCertificate } from "../../test/conformance/piece-fixture.ts";
import type { FetchLimits } from "./fetch-message.ts";
import { PieceFetchError } from "./piece-fetch-error.ts";
import type { PieceFetchRequest } from "./piece-fetcher.ts";
import { PieceFetcher } from "./piece-fetcher.ts";

/** A piece, a file to put it into, and what is opened for a test and closed after it. */
export const LENGTH_BYTES = 1_000_003;
export const BODY = testBytes(1, LENGTH_BYTES);
export const CERTIFICATE = Buffer.from(testCertificate(BODY));
export const never = new AbortController().signal;

/** Of the test that runs now. */
export let stack: AsyncDisposableStack;
export let directory: string;
export let fd: number;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  directory = await mkdtemp(join(tmpdir(), "darter-fetch-"));
  stack.defer(() => rm(directory, { recursive: true }));
  fd = openSync(join(directory, "file"), "w+");
  stack.defer(() => closeSync(fd));
});

afterEach(async () => {
  await stack.disposeAsync();
});

export function fetcher(limits: Partial<FetchLimits> = {}): PieceFetcher {
  return stack.use(new PieceFetcher({ log: silentLog }, limits));
}

export async function serve(
  answer: (socket: Socket, head: string, connectionIndex: number) => void,
): Promise<ScriptedServer> {
  return stack.use(await startScriptedServer(answer));
}

export function sendPiece(socket: Socket): void {
  socket.write(
    responseHead("200 OK", LENGTH_BYTES, `darter-piece: ${CERTIFICATE.toString("base64url")}\r\n`),
  );
  socket.write(BODY);
}

export function request(port: number, more: Partial<PieceFetchRequest> = {}): PieceFetchRequest {
  const place = { fd, offsetBytes: 0, lengthBytes: LENGTH_BYTES };
  return { host: "127.0.0.1", port, path: "/pieces/x/1", headers: {}, ...place, ...more };
}

export async function failure(fetch: Promise<unknown>): Promise<PieceFetchError> {
  const error = await fetch.then(
    () => new Error("the piece came"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(PieceFetchError);
  return error as PieceFetchError;
}
