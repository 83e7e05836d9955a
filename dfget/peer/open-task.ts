import type { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";

/** Where the bytes of an answer come from. */
export type ByteSource = "memory" | "disk" | "peers" | "seed" | "origin";

/** What a caller wants: content named by its digest, or the file at a URL as it is now. */
export interface TaskRequest {
  /** Known where the content has a digest; else the origin is asked for its version of the file. */
  readonly taskId?: TaskId | undefined;
  /** Where the content comes from, with the headers of the caller; credentials stay in memory. */
  readonly origin?:
    { readonly url: string; readonly headers: ReadonlyMap<string, string> } | undefined;
  /** What tells tasks of one URL apart, see UrlTaskIdentity. */
  readonly identity?:
    { readonly filteredQueryParameters: readonly string[]; readonly tag: string } | undefined;
  /** How old what the origin said of the file may be, milliseconds; it is asked anew when absent. */
  readonly answerAgeMs?: number | undefined;
  /** Overrides the table of piece lengths; within the limits of the protocol. */
  readonly pieceLengthBytes?: number | undefined;
  /** Only what is read shall be fetched. The last piece then comes before the whole is proven. */
  readonly isPart?: boolean | undefined;
  /** The most bytes a second that the task is received with; no limit when absent. */
  readonly limitBytesPerSecond?: number | undefined;
  /** How long a content may be that the supernode sends with its answer, where few nodes take part; 256 KiB when absent. */
  readonly wholeBytesMax?: number | undefined;
  /** False forbids this node to ask the origin itself when no supernode and no peer can serve. */
  readonly backSource?: boolean | undefined;
}

/** The whole of a small task that a node holds. It is shared by all who ask: nobody writes to its bytes. */
export interface SmallContent {
  readonly bytes: Uint8Array;
  readonly mediaType: string | undefined;
  readonly source: "memory" | "disk";
}

/** How far a task is at this node. */
export interface TaskProgress {
  readonly lengthBytes: number | undefined;
  /** Verified bytes in the store. */
  readonly heldBytes: number;
  /** Verified bytes received since the task was opened here, by where they came from. */
  readonly receivedBytes: {
    readonly seed: number;
    readonly peers: number;
    readonly origin: number;
  };
  /** Why nothing comes from the origin at the moment, where it is tried again. */
  readonly trouble?: string | undefined;
}

/** A task that somebody at this node reads. Closing it lets the task go on only if others read it. */
export interface OpenTask extends AsyncDisposable {
  readonly taskId: TaskId;
  /** Undefined while the origin has not told it; known for certain once `completed` resolved. */
  readonly lengthBytes: number | undefined;
  /** What the origin called the content. */
  readonly mediaType: string | undefined;
  /** When the origin said that the content was last modified, in its words. */
  readonly lastModified?: string | undefined;
  /** Where the first piece came from. */
  readonly firstSource: ByteSource;
  /** Where the piece with this byte came from, once that was read. */
  sourceAt(offsetBytes: number): ByteSource;
  /**
   * Verified bytes in order from `firstByte` to `lastByte` (included; the end when absent). The last
   * piece of content with a digest comes only after the whole was proven. Views are valid until the
   * next step. Rejects with ProtocolError when the task fails and with the signal's reason.
   */
  read(
    range: { readonly firstByte: number; readonly lastByte?: number | undefined },
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>;
  /** The whole, where it is complete, short and in memory. Nobody writes to its bytes. */
  inMemory?(): Uint8Array | undefined;
  /** Resolves when every piece is held and the whole is proven; rejects with ProtocolError. */
  readonly completed: Promise<void>;
  /** Set when the task failed. */
  readonly failure: ProtocolError | undefined;
  progress(): TaskProgress;
  /**
   * Makes `path` another name of the file that holds the content, read-only. Resolves to false where that is not
   * possible, as on another file system; only for a task that is completed.
   */
  linkTo?(path: string): Promise<boolean>;
  /**
   * Makes `path` a file of its own with the content, which shares its room on the disk. Resolves to false as `linkTo`
   * does, also where the file system knows nothing of the kind.
   */
  cloneTo?(path: string): Promise<boolean>;
  /** Whether `cloneTo` will be possible once the task is completed, as far as can be told. */
  canCloneTo?(path: string): Promise<boolean>;
  /** Copies the file that holds the content to `path`. Resolves to false as `linkTo` does. */
  copyTo?(path: string): Promise<boolean>;
}
