import { Bitmap } from "../../protocol/bitmap.ts";
import {
  ORIGIN_HEADERS_LENGTH_BYTES_MAX,
  PIECE_COUNT_MAX,
  URL_LENGTH_MAX,
} from "../../protocol/limits.ts";
import type { NodeFrame } from "../../protocol/node-frames.ts";
import { isPieceLength, isTaskShape, pieceCount } from "../../protocol/piece-table.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { parseTaskId } from "../../protocol/task-id.ts";
import type { TaskOrigin } from "../seed/seed-request.ts";

export type JoinFrame = Extract<NodeFrame, { kind: "join" }>;

/** What a node that joins again holds. */
export interface Holding {
  readonly pieceLengthBytes: number;
  readonly lengthBytes: number | undefined;
  readonly have: Bitmap;
}

/** What tells URL tasks apart besides the URL. */
export interface JoinIdentity {
  readonly filteredQueryParameters: readonly string[];
  readonly tag: string;
}

/** A join that has the form it must have. */
export interface JoinRequest {
  /** The node's number for the task. */
  readonly number: number;
  readonly taskId: TaskId | undefined;
  readonly origin: TaskOrigin | undefined;
  readonly identity: JoinIdentity;
  readonly pieceLengthBytes: number | undefined;
  readonly holding: Holding | undefined;
  /** How old what the origin said may be, milliseconds; it is asked anew when undefined. */
  readonly answerAgeMs: number | undefined;
  /** How long a content may be that the node takes whole with the answer. */
  readonly wholeBytesMax: number | undefined;
  /** The node will say after the answer what it holds. */
  readonly mayHold: boolean;
  /** The node gets only the pieces that it asks for. */
  readonly isPart: boolean;
  /** An admission to the task that the node had before. */
  readonly admission: Uint8Array | undefined;
}

/** Checks a join. Throws ProtocolError BAD_REQUEST. */
export function parseJoin(frame: JoinFrame): JoinRequest {
  const taskId = frame.taskId === undefined ? undefined : parseTaskId(frame.taskId);
  if (frame.taskId !== undefined && taskId === undefined) throw bad("the task id is malformed");
  if (taskId === undefined && !frame.origin) throw bad("a join names neither a task nor an origin");
  const { pieceLengthBytes } = frame;
  if (pieceLengthBytes !== undefined && !isPieceLength(pieceLengthBytes)) {
    throw bad(`a piece length of ${pieceLengthBytes} bytes is out of range`);
  }
  return {
    number: frame.task,
    taskId,
    origin: frame.origin && parseOrigin(frame.origin),
    identity: frame.identity ?? { filteredQueryParameters: [], tag: "" },
    pieceLengthBytes,
    holding: frame.holding && parseHolding(frame.holding),
    answerAgeMs: frame.answerAgeMs,
    isPart: frame.isPart ?? false,
    wholeBytesMax: frame.wholeBytesMax,
    mayHold: frame.mayHold ?? false,
    admission: frame.admission?.slice(),
  };
}

/**
 * Reads a bitmap of a task. While the length is unknown the node and we may count different numbers of pieces;
 * returns undefined for a map that fits to no task of `lengthBytes`.
 */
export function readHave(
  bytes: Uint8Array,
  lengthBytes: number | undefined,
  pieceLengthBytes: number,
): Bitmap | undefined {
  try {
    if (lengthBytes !== undefined) {
      return Bitmap.fromBytes(bytes, pieceCount(lengthBytes, pieceLengthBytes));
    }
    if (bytes.length * 8 > PIECE_COUNT_MAX) return undefined;
    return Bitmap.fromBytes(bytes, bytes.length * 8);
  } catch {
    return undefined;
  }
}

function parseOrigin(origin: NonNullable<JoinFrame["origin"]>): TaskOrigin {
  const url = origin.url.length <= URL_LENGTH_MAX ? URL.parse(origin.url) : null;
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw bad("the address of the origin is no http or https URL");
  }
  const headers = new Map<string, string>();
  let lengthBytes = 0;
  for (const { name, value } of origin.headers) {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      throw bad("a header for the origin is malformed");
    }
    lengthBytes += name.length + value.length;
    headers.set(name.toLowerCase(), value);
  }
  if (lengthBytes > ORIGIN_HEADERS_LENGTH_BYTES_MAX)
    throw bad("the headers for the origin are too long");
  return { url: origin.url, headers };
}

function parseHolding(holding: NonNullable<JoinFrame["holding"]>): Holding {
  const { pieceLengthBytes, lengthBytes } = holding;
  if (!isTaskShape(lengthBytes ?? 0, pieceLengthBytes)) throw bad("no task has such a length");
  const have = readHave(holding.have, lengthBytes, pieceLengthBytes);
  if (!have) throw bad("the map of pieces held does not fit the task's length");
  return { pieceLengthBytes, lengthBytes, have };
}

function bad(what: string): ProtocolError {
  return new ProtocolError("BAD_REQUEST", `${what}; bring node and supernode to the same release`);
}
