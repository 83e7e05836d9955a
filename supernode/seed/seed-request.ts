import type { Clock, Random } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { OriginFetch } from "../../platform/origin/origin-request.ts";
import type { OriginStream } from "../../platform/origin/origin-stream.ts";
import type { OriginVersion } from "../../platform/origin/origin-version.ts";
import type { Signer } from "../../platform/signing.ts";
import { Bitmap } from "../../protocol/bitmap.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import type { PieceStore, StoredTask } from "../../store/piece-store.ts";
import type { AssemblyThread } from "./assembly-thread.ts";
import type { SeedRecords } from "./seed-records.ts";
import type { SmallContents } from "./small-contents.ts";

export interface SeedDeps {
  readonly fetch: OriginFetch;
  readonly store: PieceStore;
  readonly records: SeedRecords;
  readonly assemblies: AssemblyThread;
  readonly small: SmallContents;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** A place that a task can be read from, and the headers that its caller gave for it: secrets, kept in memory only. */
export interface TaskOrigin {
  readonly url: string;
  readonly headers: ReadonlyMap<string, string>;
  /** The version that the task stands for, where the origin was asked before. */
  readonly version?: OriginVersion | undefined;
  /** See TaskRecord; where the origin names versions. */
  readonly fileKey?: string | undefined;
}

/** Hears of a run. */
export interface SeedSink {
  /**
   * The origin has answered: length, piece length and media type are known, and what is held may be handed out. Comes first,
   * once a run. The handle is now the sink's to dispose, after the run.
   */
  shaped(stored: StoredTask): void;
  /**
   * In place of `shaped`: the content came whole, is proven, and can be handed out from memory. `pieceReady` follows when it
   * is stored, unless it cannot be.
   */
  whole(shape: WholeShape): void;
  /** The piece is held, has its certificate and may be handed out. */
  pieceReady(pieceIndex: number): void;
  /** The end of a content of unknown length was reached. */
  lengthKnown(lengthBytes: number): void;
  /** The whole was read and is what its digest says. */
  proven(): void;
  /** A request for the content goes out. */
  originRequest(): void;
  /** Bytes of the content came in. */
  originBytes(lengthBytes: number): void;
}

/** What nodes have to know of a content that has come whole. */
export interface WholeShape {
  readonly lengthBytes: number;
  readonly pieceLengthBytes: number;
  readonly mediaType: string | undefined;
}

/** The lengths of a content, as far as they are known, and of its pieces. */
export interface ContentShape {
  readonly lengthBytes?: number | undefined;
  readonly pieceLengthBytes: number;
}

/** The pieces of a content that need not be read, because others hold them or nobody wants them. */
export interface Elsewhere {
  /** Whether there may be such pieces. */
  readonly isAny: boolean;
  /** Whether a member may hold pieces of which it has not told yet. */
  readonly isUntold: boolean;
  /** Resolves when members whose joins were answered have told. Throws the reason of the signal. */
  told(signal: AbortSignal): Promise<void>;
  /** The pieces, for a content of this shape. */
  of(shape: ContentShape): Bitmap;
}

/** Everything has to be read. */
export const NOTHING_ELSEWHERE: Elsewhere = {
  isAny: false,
  isUntold: false,
  told: async () => undefined,
  of: () => new Bitmap(0),
};

export interface SeedRequest {
  readonly taskId: TaskId;
  readonly origin: TaskOrigin;
  /** A stream that was opened at the first byte already; the run disposes it. */
  readonly stream?: OriginStream | undefined;
  readonly pieceLengthBytes?: number | undefined;
  readonly elsewhere: Elsewhere;
  /** No node was told anything of the content yet. */
  readonly isUnanswered: boolean;
  /** The origin sends all whatever part it is asked for. Called before `elsewhere` is asked again. */
  onWithoutRanges(): void;
}
