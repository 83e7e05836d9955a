import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { NodeId } from "../../protocol/node-id.ts";
import { PIECE_HEADER } from "../../protocol/version.ts";
import { sha256 } from "../../platform/digest-check.ts";
import { silentLog } from "../../platform/log.ts";
import { Signer, TrustedKeys } from "../../platform/signing.ts";
import { openMemoryStore } from "../../store/memory-store.ts";
import type { PieceStore } from "../../store/piece-store.ts";
import { testBytes, testTask, testTaskId } from "../../test/conformance/piece-fixture.ts";
import { PieceFetcher } from "../transfer/piece-fetcher.ts";
import { PeerMetrics } from "./peer-metrics.ts";
import type { IntakeResult } from "./piece-intake.ts";
import { PieceIntake } from "./piece-intake.ts";
import { TaskSession } from "./task-session.ts";

const supernode = Signer.ephemeral();
const taskId = testTaskId("intake");
const bytes = testBytes(0);
const identity = { taskId, pieceIndex: 0, lengthBytes: bytes.length };

let store: PieceStore;
let fetcher: PieceFetcher;
/** What the other node answers. */
let answer: { status: number; bytes: Uint8Array; certificate: Uint8Array };
const server = createServer((_request, response) => {
  const { status, certificate } = answer;
  response.writeHead(status, {
    "content-length": answer.bytes.length,
    [PIECE_HEADER]: Buffer.from(certificate).toString("base64url"),
  });
  response.end(answer.bytes);
});

beforeEach(async () => {
  store = openMemoryStore();
  fetcher = new PieceFetcher({ log: silentLog });
  answer = { status: 200, bytes, certificate: supernode.certifyPiece(identity, sha256(bytes)) };
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
});

afterEach(async () => {
  await fetcher[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function fetchPiece(): Promise<{ result: IntakeResult; session: TaskSession }> {
  const keys = new TrustedKeys();
  keys.add(supernode.publicKey);
  const state = {
    tasks: () => 0,
    neighbours: () => 0,
    storedBytes: () => 0,
    damagedPieces: () => 0,
    isConnected: () => true,
  };
  const metrics = new PeerMetrics(new Registry(), state);
  const nodeId = "a".repeat(32) as NodeId;
  const intake = new PieceIntake({
    fetcher,
    keys,
    metrics,
    log: silentLog,
    nodeId,
    calendar: () => 0,
    renew: () => undefined,
  });
  const stored = await store.open(testTask("intake", 2));
  const session = new TaskSession({
    number: 1,
    taskId,
    stored,
    origin: undefined,
    identity: undefined,
    mayUseOrigin: false,
    version: { lengthBytes: undefined, etag: undefined, lastModified: undefined },
  });
  const { port } = server.address() as AddressInfo;
  const endpoint = { host: "127.0.0.1", port, basePath: "", source: "peers" } as const;
  const { signal } = new AbortController();
  const result = await intake.fetch(session, 0, endpoint, async () => false, signal);
  return { result, session };
}

describe("a piece from another node", () => {
  it("is held when it is what a supernode's certificate says", async () => {
    const { result, session } = await fetchPiece();
    expect(result).toBe("held");
    expect(session.stored.have.has(0)).toBe(true);
    expect(session.needsWholeCheck).toBe(false);
  });

  it("is held when an endorsed node vouches for it, and the whole is checked in the end", async () => {
    const node = Signer.ephemeral();
    const endorsement = supernode.endorse(node.publicKey);
    answer.certificate = node.certifyPieceAsNode(identity, sha256(bytes), endorsement);
    const { result, session } = await fetchPiece();
    expect(result).toBe("held");
    expect(session.needsWholeCheck).toBe(true);
  });

  it("is the sender's fault when its bytes are not what the certificate says", async () => {
    answer.bytes = testBytes(1);
    const { result, session } = await fetchPiece();
    expect(result).toBe("corrupt");
    expect(session.stored.have.count).toBe(0);
  });

  it("is thrown away, but not as a corrupt one, when nobody is believed who vouches for it", async () => {
    answer.certificate = Signer.ephemeral().certifyPiece(identity, sha256(bytes));
    const { result, session } = await fetchPiece();
    expect(result).toBe("failed");
    expect(session.stored.have.count).toBe(0);
  });

  it("is thrown away when its certificate is for another piece", async () => {
    const other = { ...identity, pieceIndex: 1 };
    answer.certificate = supernode.certifyPiece(other, sha256(bytes));
    expect((await fetchPiece()).result).toBe("failed");
  });

  it("may come later when the sender has no slot", async () => {
    answer.status = 503;
    expect((await fetchPiece()).result).toBe("busy");
  });
});
