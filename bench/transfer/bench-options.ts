import { EXIT, UserError } from "../../platform/user-error.ts";
import { PIECE_LENGTH_BYTES_MAX, PIECE_LENGTH_BYTES_MIN } from "../../protocol/limits.ts";
import { choosePieceLength, isPieceLength, isTaskShape } from "../../protocol/piece-table.ts";
import type { TransferBenchConfig } from "./bench-config.ts";
import type { RowName } from "./bench-rows.ts";
import { ROW_NAMES } from "./bench-rows.ts";
import type { TransferBenchOptions } from "./transfer-bench.ts";

/** Checks the options. Throws UserError (usage) with one sentence that names the flag. */
export function transferOptionsOf(config: TransferBenchConfig): TransferBenchOptions {
  const { size, rounds, seed } = config;
  const pieceLengthBytes = config.pieceSize === 0 ? choosePieceLength(size) : config.pieceSize;
  if (!isPieceLength(pieceLengthBytes)) {
    throw usage(
      `--piece-size must be from ${PIECE_LENGTH_BYTES_MIN} to ${PIECE_LENGTH_BYTES_MAX} bytes`,
    );
  }
  if (size === 0) throw usage("--size must be at least one byte");
  if (!isTaskShape(size, pieceLengthBytes)) {
    throw usage("the content has too many pieces; choose a larger --piece-size");
  }
  const rows = config.row.length === 0 ? ROW_NAMES : ROW_NAMES.filter(isAsked(config.row));
  const isStreamed = config.streaming;
  return { lengthBytes: size, pieceLengthBytes, rounds, rows, seed, isStreamed };
}

function isAsked(asked: readonly string[]): (row: RowName) => boolean {
  for (const name of asked) {
    if (!ROW_NAMES.some((row) => row === name)) {
      throw usage(`--row must be one of ${ROW_NAMES.join(", ")}, not ${JSON.stringify(name)}`);
    }
  }
  return (row) => asked.includes(row);
}

function usage(sentence: string): UserError {
  return new UserError(EXIT.usage, `${sentence}; see npm run bench:transfer -- --help`);
}
