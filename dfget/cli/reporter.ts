import type { ReceivedBytes } from "../daemon/api-schema.ts";
import type { DownloadProgress } from "./progress-line.ts";

/** How a download went. */
export interface DownloadSummary {
  readonly name: string;
  readonly taskId: string;
  /** As the user named it; "-" is standard output. */
  readonly output: string;
  readonly lengthBytes: number;
  readonly durationMs: number;
  readonly receivedBytes: ReceivedBytes;
}

/** What a download says to whoever started it. Calls come in order: opened, progress, finished. */
export interface Reporter extends Disposable {
  /** Something worth knowing that is no failure. */
  note(sentence: string): void;
  opened(task: {
    readonly taskId: string;
    readonly lengthBytes: number | undefined;
    readonly mediaType: string | undefined;
    readonly output: string;
  }): void;
  progress(progress: DownloadProgress): void;
  finished(summary: DownloadSummary): void;
  /** The sentence itself is printed by the program's end. */
  failed(failure: { readonly exitCode: number; readonly message: string }): void;
}

/** Where reports are written. */
export interface ReportStream {
  write(text: string): unknown;
}
