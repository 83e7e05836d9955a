import { formatByteCount, parseByteCount } from "../../platform/quantity.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import { PIECE_LENGTH_BYTES_MAX, PIECE_LENGTH_BYTES_MIN } from "../../protocol/limits.ts";
import { choosePieceLength, isPieceLength, isTaskShape } from "../../protocol/piece-table.ts";
import type { FleetBenchConfig } from "./bench-config.ts";
import { parseKillSpec } from "./kill-spec.ts";
import type { KillSpec } from "./kill-spec.ts";

const SIZE_BYTES_DEFAULT = 128 * 1024 * 1024;

/** Ranges of the one file that are read through the mirror. */
export interface ReadOptions {
  readonly count: number;
  readonly lengthBytes: number;
}

/** What is measured, checked and complete. Rates are of Ethernet frames, in Mbit/s. */
export interface FleetBenchOptions {
  readonly nodeCount: number;
  readonly nodeMbit: number;
  readonly seedMbit: number;
  readonly originMbit: number;
  readonly fileLengthsBytes: readonly number[];
  /** Files that every node holds before, and asks for again. */
  readonly heldLengthsBytes: readonly number[];
  readonly filesAtOnce: number;
  /** Undefined where the files are downloaded. */
  readonly reads: ReadOptions | undefined;
  readonly zoneCount: number;
  /** Undefined when there is one zone, or no limit of its own. */
  readonly zoneMbit: number | undefined;
  /** How long a packet may wait at an end of a link. */
  readonly queueMs: number;
  readonly staggerMs: number;
  readonly kills: readonly KillSpec[];
  /** Undefined for the usual one of each file. */
  readonly pieceLengthBytes: number | undefined;
  /** Length of a file that is fetched before; 0 for none. */
  readonly warmUpBytes: number;
  readonly seed: number;
  readonly runCount: number;
  readonly isDirectMeasured: boolean;
  /** The simulator runs the same, to be compared. */
  readonly isSimulated: boolean;
  readonly client: "socket" | "dfget";
}

/** Checks the options against each other. Throws UserError (usage) with one sentence that names the flag. */
export function benchOptionsOf(config: FleetBenchConfig): FleetBenchOptions {
  const pieceLengthBytes = config.pieceSize === 0 ? undefined : config.pieceSize;
  if (pieceLengthBytes !== undefined && !isPieceLength(pieceLengthBytes)) {
    throw usage(
      `--piece-size must be from ${PIECE_LENGTH_BYTES_MIN} to ${PIECE_LENGTH_BYTES_MAX} bytes`,
    );
  }
  if (pieceLengthBytes !== undefined && config.client === "dfget") {
    throw usage("--piece-size needs --client socket; dfget has no such option");
  }
  if (config.zones > config.nodes) throw usage("--zones must not be more than --nodes");
  if (config.zones === 1 && config.zoneMbit !== undefined) {
    throw usage("--zone-mbit needs --zones 2 or more");
  }
  if (config.queue === 0) throw usage("--queue must be above 0");
  const fileLengthsBytes = fileLengths(config, pieceLengthBytes);
  return {
    nodeCount: config.nodes,
    nodeMbit: config.mbit,
    seedMbit: config.seedMbit,
    originMbit: config.originMbit,
    fileLengthsBytes,
    heldLengthsBytes: lengthsOf("--held", config.held),
    filesAtOnce: config.atOnce,
    reads: readOptions(config, fileLengthsBytes),
    zoneCount: config.zones,
    zoneMbit: config.zoneMbit,
    queueMs: config.queue,
    staggerMs: config.stagger,
    kills: config.kill.map((text) => killOf(text, config.nodes)),
    pieceLengthBytes,
    warmUpBytes: config.warmUp,
    seed: config.seed,
    runCount: config.runs,
    isDirectMeasured: config.direct,
    isSimulated: config.simulate,
    client: config.client,
  };
}

/** The bytes that each node wants and does not hold: the files, or the ranges that it reads. */
export function wantedBytesOf({ reads, fileLengthsBytes }: FleetBenchOptions): number {
  return reads === undefined
    ? fileLengthsBytes.reduce((total, lengthBytes) => total + lengthBytes, 0)
    : reads.count * reads.lengthBytes;
}

/** How many pieces the files have together. */
export function pieceTotal(options: FleetBenchOptions): number {
  return options.fileLengthsBytes.reduce(
    (sum, lengthBytes) =>
      sum + Math.ceil(lengthBytes / (options.pieceLengthBytes ?? choosePieceLength(lengthBytes))),
    0,
  );
}

function fileLengths(
  config: FleetBenchConfig,
  pieceLengthBytes: number | undefined,
): readonly number[] {
  const lengths =
    config.sizes.length === 0
      ? [config.size ?? SIZE_BYTES_DEFAULT]
      : lengthsOf("--sizes", config.sizes);
  for (const lengthBytes of lengths) {
    if (!isTaskShape(lengthBytes, pieceLengthBytes ?? choosePieceLength(lengthBytes))) {
      throw usage("a file has too many pieces; choose a larger --piece-size");
    }
    if (lengthBytes === 0) throw usage("a file to measure must have at least one byte");
  }
  return lengths;
}

function readOptions(
  config: FleetBenchConfig,
  lengths: readonly number[],
): ReadOptions | undefined {
  const { reads, readSize } = config;
  if (reads === 0) return undefined;
  if (lengths.length > 1 || config.held.length > 0) {
    throw usage("--reads are of one file, so neither --sizes nor --held goes with it");
  }
  if (config.kill.length > 0) throw usage("--kill cannot be used with --reads");
  const places = readSize === 0 ? 0 : Math.floor((lengths[0] ?? 0) / readSize);
  if (places < reads) {
    throw usage(
      `the file has ${places} places for reads of ${formatByteCount(readSize)}, not ${reads}; choose a larger --size or fewer --reads`,
    );
  }
  return { count: reads, lengthBytes: readSize };
}

function lengthsOf(flag: string, texts: readonly string[]): readonly number[] {
  return texts.flatMap((text) => text.split(",")).map((text) => sizeOf(flag, text));
}

function sizeOf(flag: string, text: string): number {
  const lengthBytes = parseByteCount(text.trim());
  if (lengthBytes === undefined) {
    throw usage(`${flag} must be sizes such as 5MiB,50MiB, not ${JSON.stringify(text)}`);
  }
  return lengthBytes;
}

function killOf(text: string, nodeCount: number): KillSpec {
  const spec = parseKillSpec(text);
  if (spec === undefined) {
    throw usage(`--kill must be like node:3@50% or supernode@30%, not ${JSON.stringify(text)}`);
  }
  if (spec.target.kind === "node" && spec.target.index >= nodeCount) {
    throw usage(`--kill ${text}: there are the nodes 0 to ${nodeCount - 1}`);
  }
  return spec;
}

function usage(sentence: string): UserError {
  return new UserError(EXIT.usage, `${sentence}; see npm run bench:fleet -- --help`);
}
