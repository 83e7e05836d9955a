import type { ReceivedBytes } from "../daemon/api-schema.ts";
import type { DownloadProgress } from "./progress-line.ts";

/** How the download of one file went. */
export interface DownloadSummary {
  readonly taskId: string;
  /** Bytes written: those of the file, or of the part of it. */
  readonly lengthBytes: number;
  readonly durationMs: number;
  readonly receivedBytes: ReceivedBytes;
}

/** A file as reports name it. */
export interface ReportedFile {
  readonly name: string;
  /** The target as the user may name it; "-" is standard output. */
  readonly output: string;
}

/** What the download of one file says. Calls come in order: opened, progress, then one of the last three. */
export interface FileReporter {
  /** Something worth knowing that is no failure. */
  note(sentence: string): void;
  opened(task: {
    readonly taskId: string;
    readonly lengthBytes: number | undefined;
    readonly mediaType: string | undefined;
  }): void;
  progress(progress: DownloadProgress): void;
  finished(summary: DownloadSummary): void;
  /** The target is left as it is. */
  skipped(reason: string): void;
  failed(failure: { readonly exitCode: number; readonly message: string }): void;
}

/** How a call for several files went. */
export interface BatchSummary {
  readonly finished: number;
  readonly skipped: number;
  readonly failed: number;
  readonly lengthBytes: number;
  readonly durationMs: number;
  readonly receivedBytes: ReceivedBytes;
}

/** Of a call that has done nothing yet. */
export const NOTHING_DONE: BatchSummary = {
  finished: 0,
  skipped: 0,
  failed: 0,
  lengthBytes: 0,
  durationMs: 0,
  receivedBytes: { seed: 0, peers: 0, origin: 0 },
};

/** What a call of dfget says to whoever started it. */
export interface Reporter extends Disposable {
  /** How many files there will be. */
  expect(count: number): void;
  /** Something worth knowing about no file in particular. */
  note(sentence: string): void;
  file(file: ReportedFile): FileReporter;
  /** At the end of several files. */
  ended(summary: BatchSummary): void;
  /** A failure of all; the sentence itself is printed by the program's end. */
  failed(failure: { readonly exitCode: number; readonly message: string }): void;
}

/** Where reports are written. */
export interface ReportStream {
  write(text: string): unknown;
}
