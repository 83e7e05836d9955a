import { timingSafeEqual } from "node:crypto";

import { certificateSha256 } from "../../protocol/piece-certificate.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { ADMISSION_HEADER, NODE_HEADER } from "../../protocol/version.ts";
import type { Calendar } from "../../platform/calendar.ts";
import type { Log } from "../../platform/log.ts";
import type { TrustedKeys } from "../../platform/signing.ts";
import { formatPiecePath } from "../../store/piece-path.ts";
import { StorageFullError } from "../../store/piece-store.ts";
import { PieceFetchError } from "../transfer/piece-fetch-error.ts";
import type { PieceFetchResult, PieceFetcher } from "../transfer/piece-fetcher.ts";
import type { ArrivedPieces } from "./arrived-pieces.ts";
import type { PeerMetrics } from "./peer-metrics.ts";
import { isOnDisk } from "./piece-on-disk.ts";
import type { TaskSession } from "./task-session.ts";

/** Where a piece is to be fetched from. */
export interface PieceEndpoint {
  readonly host: string;
  readonly port: number;
  /** What stands before `/pieces` in the path, without a slash at the end. */
  readonly basePath: string;
  readonly source: "seed" | "peers";
}

/** How a transfer ended. */
export type IntakeResult = "held" | "aborted" | "busy" | "corrupt" | "failed";

/** Fetches single pieces, checks them, and commits what is right. */
export class PieceIntake {
  readonly #fetcher: PieceFetcher;
  readonly #keys: TrustedKeys;
  readonly #metrics: PeerMetrics;
  readonly #log: Log;
  readonly #nodeId: string;
  readonly #calendar: Calendar;
  readonly #renew: (session: TaskSession) => void;
  readonly #makeRoom: () => Promise<boolean>;
  readonly #arrived: ArrivedPieces;

  constructor(deps: {
    fetcher: PieceFetcher;
    keys: TrustedKeys;
    metrics: PeerMetrics;
    log: Log;
    nodeId: string;
    calendar: Calendar;
    /** The session's admission ends soon. */
    renew(session: TaskSession): void;
    /** The store is full: lets go of what nobody uses. Resolves to whether that may have helped. */
    makeRoom(): Promise<boolean>;
    /** Gets the pieces that readers wait for. */
    arrived: ArrivedPieces;
  }) {
    this.#fetcher = deps.fetcher;
    this.#keys = deps.keys;
    this.#metrics = deps.metrics;
    this.#log = deps.log;
    this.#nodeId = deps.nodeId;
    this.#calendar = deps.calendar;
    this.#renew = (session) => deps.renew(session);
    this.#makeRoom = async () => await deps.makeRoom();
    this.#arrived = deps.arrived;
  }

  /** Fetches a piece; never rejects. A full disk fails the session, for nothing else can be done here. */
  async fetch(
    session: TaskSession,
    piece: number,
    endpoint: PieceEndpoint,
    /** Ends every other transfer of the piece and tells whether there was one that may have written. */
    endRivals: () => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<IntakeResult> {
    const { offsetBytes, lengthBytes } = session.span(piece);
    const { stored, taskId } = session;
    let isReserved = false;
    let takenBytes = 0;
    try {
      await this.#reserve(session, lengthBytes);
      isReserved = true;
      const buffer = this.#arrived.take(session, piece);
      takenBytes = buffer?.byteLength ?? 0;
      const result = await this.#fetcher.fetch(
        {
          host: endpoint.host,
          port: endpoint.port,
          path: endpoint.basePath + formatPiecePath({ taskId, pieceIndex: piece }),
          headers: this.#headersFor(session),
          fd: stored.fd,
          offsetBytes,
          lengthBytes,
          buffer,
          taskBucket: session.bucket.memory,
        },
        signal,
      );
      const vouched =
        result.certificate &&
        this.#keys.verifyCertificate(result.certificate, {
          taskId,
          pieceIndex: piece,
          lengthBytes,
        });
      if (!vouched || !timingSafeEqual(vouched, result.sha256)) {
        return this.#rejected(taskId, piece, endpoint, result);
      }
      const wasContested = await endRivals();
      if (stored.have.has(piece)) return "aborted";
      // Another transfer wrote over it: nobody is to blame.
      if (wasContested && !(await isOnDisk(stored, { offsetBytes, lengthBytes }, vouched)))
        return "busy";
      if (result.certificate[0] !== 1) session.needsWholeCheck = true;
      if (result.bytes) this.#arrived.keep(session, piece, result.bytes.buffer);
      takenBytes = 0;
      session.commit(piece, result.certificate, endpoint.source);
      isReserved = false;
      this.#metrics.pieceReceived(endpoint.source, lengthBytes);
      return "held";
    } catch (error) {
      return this.#resultOf(session, error, signal);
    } finally {
      if (isReserved) stored.release(lengthBytes);
      this.#arrived.drop(takenBytes);
    }
  }

  async #reserve({ stored }: TaskSession, lengthBytes: number): Promise<void> {
    try {
      stored.reserve(lengthBytes);
    } catch (error) {
      if (!(error instanceof StorageFullError) || !(await this.#makeRoom())) throw error;
      stored.reserve(lengthBytes);
    }
  }

  #headersFor(session: TaskSession): Readonly<Record<string, string>> {
    const { admission } = session;
    if (!admission) return { [NODE_HEADER]: this.#nodeId };
    if (admission.takeRenewal(this.#calendar())) this.#renew(session);
    return { [NODE_HEADER]: this.#nodeId, [ADMISSION_HEADER]: admission.header };
  }

  /**
   * Bytes that are not what their certificate says are the sender's fault. A certificate of somebody who is not
   * believed here need not be: the sender may have had the piece from another supernode.
   */
  #rejected(
    taskId: TaskId,
    piece: number,
    endpoint: PieceEndpoint,
    { certificate, sha256 }: PieceFetchResult,
  ): IntakeResult {
    const said = certificate && certificateSha256(certificate);
    const isIntact = said !== undefined && timingSafeEqual(said, sha256);
    this.#log.warn(
      { taskId, piece, source: `${endpoint.host}:${endpoint.port}` },
      isIntact
        ? "a piece comes with a certificate of nobody who is believed here, and was thrown away"
        : "a piece does not match its certificate and was thrown away",
    );
    this.#metrics.pieceFailed(isIntact ? "unbelieved" : "corrupt");
    return isIntact ? "failed" : "corrupt";
  }

  #resultOf(session: TaskSession, error: unknown, signal: AbortSignal): IntakeResult {
    if (error instanceof StorageFullError || isDiskFailure(error)) {
      session.fail(new ProtocolError("STORAGE_FULL", storageSentence(error as Error), {}, error));
      return "failed";
    }
    if (signal.aborted) return "aborted";
    const reason = error instanceof PieceFetchError ? error.reason : "internal";
    this.#metrics.pieceFailed(reason);
    if (reason === "internal") this.#log.error({ err: error }, "a piece could not be taken in");
    return reason === "no-slot" ? "busy" : "failed";
  }
}

function isDiskFailure(error: unknown): boolean {
  return error instanceof PieceFetchError && error.reason === "disk";
}

function storageSentence(error: Error): string {
  return `the pieces cannot be stored: ${error.message}; free some space or choose another --data-dir`;
}
