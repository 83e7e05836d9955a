import { createHash } from "node:crypto";

import { ProtocolError } from "../../protocol/protocol-error.ts";
import { taskDigest } from "../../protocol/task-id.ts";
import type { OriginFetch } from "../../platform/origin/origin-request.ts";
import { OriginStream } from "../../platform/origin/origin-stream.ts";
import type { OriginVersion } from "../../platform/origin/origin-version.ts";
import { versionName } from "../../platform/origin/origin-version.ts";
import { urlTaskId } from "../../platform/digest-check.ts";
import { printableUrl } from "../../platform/log.ts";
import type { Clock, Random } from "../../platform/clock.ts";
import type { Signer } from "../../platform/signing.ts";
import { StorageFullError } from "../../store/piece-store.ts";
import { ORIGIN } from "../swarm/swarm.ts";
import type { PeerMetrics } from "./peer-metrics.ts";
import type { RateLimits } from "./rate-limits.ts";
import type { AssembledPiece } from "./piece-assembler.ts";
import { PieceAssembler } from "./piece-assembler.ts";
import { isOnDisk } from "./piece-on-disk.ts";
import type { TaskSession } from "./task-session.ts";
import type { Transfers } from "./transfers.ts";
import { Outrun } from "./transfers.ts";

/** What a run brought. */
export interface OriginRunEvents {
  /** A piece was committed. */
  piece(piece: number): void;
}

/** Reads pieces from the origin at this node, for when neither a supernode nor a peer can give them. */
export class OriginIntake {
  readonly #deps: { fetch: OriginFetch; clock: Clock; random: Random };
  readonly #signer: Signer;
  readonly #metrics: PeerMetrics;
  readonly #transfers: Transfers;
  readonly #limits: RateLimits;
  /** The supernode's word for this node's key; pieces go to other nodes with it. */
  endorsement: Uint8Array = new Uint8Array(64);

  constructor(deps: {
    fetch: OriginFetch;
    clock: Clock;
    random: Random;
    signer: Signer;
    metrics: PeerMetrics;
    transfers: Transfers;
    limits: RateLimits;
  }) {
    this.#deps = deps;
    this.#signer = deps.signer;
    this.#metrics = deps.metrics;
    this.#transfers = deps.transfers;
    this.#limits = deps.limits;
  }

  /**
   * Reads a run of pieces and commits those that are missing. An origin that sends everything whatever
   * was asked for is read to its end, since asking again would cost the same bytes again. Throws
   * ProtocolError, or the signal's reason.
   */
  async fetchRun(
    session: TaskSession,
    run: {
      readonly firstPiece: number;
      readonly pieceCount: number;
      readonly expected?: OriginVersion | undefined;
    },
    events: OriginRunEvents,
    signal: AbortSignal,
  ): Promise<void> {
    const { origin, pieceLengthBytes, lengthBytes } = session;
    if (!origin) {
      throw new ProtocolError(
        "ORIGIN_UNREACHABLE",
        "nobody told this node where the content comes from",
      );
    }
    const firstByte = run.firstPiece * pieceLengthBytes;
    const endByte = (run.firstPiece + run.pieceCount) * pieceLengthBytes;
    using stream = await OriginStream.open(
      this.#deps,
      {
        url: origin.url,
        headers: origin.headers,
        startOffset: firstByte,
        ...(lengthBytes === undefined ? {} : { endOffset: Math.min(endByte, lengthBytes) }),
        expected: run.expected,
        isDigestChecked: taskDigest(session.taskId) !== undefined,
      },
      signal,
    );
    checkVersion(session, stream.metadata);
    session.needsWholeCheck = true;
    const assembler = new PieceAssembler(pieceLengthBytes, run.firstPiece);
    for await (const chunk of stream.chunks(signal)) {
      for (const piece of assembler.push(chunk, session.lengthBytes)) {
        // Once the task is over, somebody else may be writing to its file.
        signal.throwIfAborted();
        await this.#commit(session, piece, events);
      }
      const restMs = this.#limits.received(session, chunk.length);
      if (restMs > 1) await this.#deps.clock.sleep(restMs, signal);
    }
    signal.throwIfAborted();
    if (session.lengthBytes !== undefined) return;
    session.stored.setLength(firstByte + assembler.totalBytes);
    for (const piece of assembler.finish()) await this.#commit(session, piece, events);
    session.changed();
  }

  async #commit(
    session: TaskSession,
    piece: AssembledPiece,
    events: OriginRunEvents,
  ): Promise<void> {
    const { index, bytes } = piece;
    if (session.stored.have.has(index)) return;
    const identity = { taskId: session.taskId, pieceIndex: index, lengthBytes: bytes.length };
    const sha256 = new Uint8Array(createHash("sha256").update(bytes).digest());
    const certificate = this.#signer.certifyPieceAsNode(identity, sha256, this.endorsement);
    const { number } = session;
    // A neighbour may be sending the same piece: only one of the two may write.
    const write = this.#transfers.start(ORIGIN, number, index, async (_signal, endRivals) => {
      await endRivals();
      if (session.stored.have.has(index)) return;
      await writePiece(session, piece);
      const isContested = await endRivals();
      if (isContested && !(await isOnDisk(session.stored, session.span(index), sha256))) {
        await writePiece(session, piece);
      }
      session.commit(index, certificate, "origin");
      this.#metrics.pieceReceived("origin", bytes.length);
      events.piece(index);
    });
    try {
      await write;
    } catch (error) {
      if (!(error instanceof Outrun)) throw error;
      await this.#transfers.winnerSettled(number, index);
      await this.#commit(session, piece, events);
    }
  }
}

/** Throws ProtocolError ORIGIN_CHANGED when the origin has another content by now than the task is. */
function checkVersion(session: TaskSession, metadata: OriginVersion): void {
  const { lengthBytes } = metadata;
  const isOtherLength =
    session.lengthBytes !== undefined &&
    lengthBytes !== undefined &&
    session.lengthBytes !== lengthBytes;
  if (!isOtherLength && !isOtherVersion(session, metadata)) return;
  throw new ProtocolError(
    "ORIGIN_CHANGED",
    `the content of ${printableUrl(session.origin!.url)} changed while it was fetched; ask for it again`,
  );
}

/** The id of a URL task is made of the version, so that it tells whether this is still the one. */
function isOtherVersion(session: TaskSession, metadata: OriginVersion): boolean {
  if (taskDigest(session.taskId)) return false;
  const validator = versionName({ ...metadata, lengthBytes: session.version.lengthBytes });
  // Without version and length nothing tells whether what is held goes with what comes now.
  if (validator === undefined)
    return session.lengthBytes === undefined && session.stored.have.count > 0;
  const { url, headers } = session.origin!;
  const { filteredQueryParameters = [], tag = "" } = session.identity ?? {};
  return urlTaskId({ url, headers, filteredQueryParameters, tag, validator }) !== session.taskId;
}

async function writePiece(session: TaskSession, { index, bytes }: AssembledPiece): Promise<void> {
  try {
    session.stored.reserve(bytes.length);
    await session.stored.write(index * session.pieceLengthBytes, bytes);
  } catch (error) {
    session.stored.release(bytes.length);
    if (!(error instanceof StorageFullError)) throw error;
    throw new ProtocolError(
      "STORAGE_FULL",
      `the pieces cannot be stored: ${error.message}`,
      {},
      error,
    );
  }
}
