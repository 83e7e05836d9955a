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
import { ArrivedPieces } from "./arrived-pieces.ts";
import { PeerMetrics } from "./peer-metrics.ts";
import type { IntakeResult } from "./piece-intake.ts";
import { PieceIntake } from "./piece-intake.ts";
import type { ReaderCursor } from "./task-session.ts";
import type { TaskSession } from "./task-session.ts";
import { sessionOf } from "./session-fixture.ts";

const supernode = Signer.ephemeral();
const taskId = testTaskId("intake");
const bytes = testBytes(0);
const identity = { taskId, pieceIndex: 0, lengthBytes: bytes.length };

let store: PieceStore;
let fetcher: PieceFetcher;
let arrived: ArrivedPieces;
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
  arrived = new ArrivedPieces(bytes.length);
  answer = { status: 200, bytes, certificate: supernode.certifyPiece(identity, sha256(bytes)) };
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
});

afterEach(async () => {
  await fetcher[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function fetchPiece(
  reader?: ReaderCursor,
): Promise<{ result: IntakeResult; session: TaskSession }> {
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
    makeRoom: async () => false,
    arrived,
  });
  const stored = await store.open(testTask("intake", 2));
  const session = sessionOf(stored);
  if (reader) session.cursors.add(reader);
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

  it("is in memory, too, for a reader that waits for it", async () => {
    const { session } = await fetchPiece({ piece: 0, lastPiece: 5 });
    using lent = arrived.lend(session, 0);
    expect(Buffer.from(lent!.bytes).equals(bytes)).toBe(true);
    const stored = Buffer.alloc(bytes.length);
    await session.stored.read(0, stored);
    expect(stored.equals(bytes)).toBe(true);
  });

  it("takes no memory of readers when it is wrong, or nobody waits for it", async () => {
    const { session: unread } = await fetchPiece();
    expect(arrived.lend(unread, 0)).toBeUndefined();
    await store[Symbol.asyncDispose]();
    answer.bytes = testBytes(1);
    const { result, session: wrong } = await fetchPiece({ piece: 0, lastPiece: 5 });
    expect(result).toBe("corrupt");
    expect(arrived.lend(wrong, 0)).toBeUndefined();
    // There is room for one.
    expect(arrived.take(wrong, 0)).toBeDefined();
  });

  it("may come later when the sender has no slot", async () => {
    answer.status = 503;
    expect((await fetchPiece()).result).toBe("busy");
  });
});
