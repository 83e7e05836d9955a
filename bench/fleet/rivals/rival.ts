import type { Host } from "../../../test/harness/network.ts";
import type { OriginFile } from "../origin-files.ts";

/** Where another system is started: hosts of the bench, and a directory of its own. */
export interface RivalStage {
  /** For what the system has once: trackers, schedulers, seeds. */
  readonly server: Host;
  readonly nodes: readonly Host[];
  /** `address:port` of the origin. Every file is there at `/<name>` and at its path as a blob of `bench/content`. */
  readonly originAuthority: string;
  /** What the origin serves; more may be put there. */
  readonly originDirectory: string;
  /** Everything that will be fetched. */
  readonly files: readonly OriginFile[];
  /** For everything that the system writes; removed afterwards, with whatever still runs from it. */
  readonly directory: string;
}

/** One file for one host. */
export interface RivalOrder {
  readonly hostIndex: number;
  readonly file: OriginFile;
  /** Where the content must be when the pull is over. */
  readonly outputPath: string;
}

/** Another system that runs on the hosts of the bench. Everything that it started ends at disposal. */
export interface RunningRival extends AsyncDisposable {
  /** What was written and which commands were given, by name. */
  readonly configuration: Readonly<Record<string, string>>;
  /** Resolves when the file is complete on the host. Throws with the end of the programs' output. */
  pull(order: RivalOrder, signal: AbortSignal): Promise<void>;
}

/** How another system is started, of programs that the user has. */
export interface Rival {
  /** As reports call it. */
  readonly name: string;
  /** The programs that it is known by; all must be in the directory that the user names. */
  readonly programs: readonly string[];
  /** Which program tells the version, and by which argument. */
  readonly versionBy: { readonly program: string; readonly args: readonly string[] };
  start(directory: string, stage: RivalStage, signal: AbortSignal): Promise<RunningRival>;
}
