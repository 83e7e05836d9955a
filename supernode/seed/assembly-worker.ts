import { writeSync } from "node:fs";
import { parentPort } from "node:worker_threads";

import type { AssemblyChunk, AssemblyOrder, AssemblyReply } from "./assembly-message.ts";
import type { AssembledPiece } from "./piece-assembler.ts";
import { PieceAssembler } from "./piece-assembler.ts";

// The thread of a supernode that hashes what comes from origins and writes it.

/** Larger writes to a fresh file cost up to five times as much on virtual machines that give unused memory back. */
const SLICE_LENGTH_BYTES = 32 * 1024;

interface Assembling {
  readonly assembler: PieceAssembler;
  hasFailed: boolean;
}

const port = parentPort!;
const slots = new Map<number, Uint8Array>();
const running = new Map<number, Assembling>();

port.on("message", (order: AssemblyOrder) => {
  const reply = answer(order);
  if (reply) port.postMessage(reply);
});

function answer(order: AssemblyOrder): AssemblyReply | undefined {
  switch (order.kind) {
    case "slot":
      slots.set(order.slot, new Uint8Array(order.memory));
      return undefined;
    case "slot-gone":
      slots.delete(order.slot);
      return undefined;
    case "begin":
      running.set(order.id, { assembler: new PieceAssembler(order.options), hasFailed: false });
      return undefined;
    case "chunk":
      return take(order);
    case "finish":
      return { kind: "finished", id: order.id, end: running.get(order.id)!.assembler.finish() };
    case "drop":
      running.delete(order.id);
      return { kind: "dropped", id: order.id };
    default:
      throw new TypeError(`there is no order ${String(order satisfies never)}`);
  }
}

function take({ id, slot, lengthBytes, target }: AssemblyChunk): AssemblyReply {
  const assembling = running.get(id)!;
  const bytes = slots.get(slot)!.subarray(0, lengthBytes);
  const failed = { kind: "taken", id, slot, pieces: [] } as const;
  if (assembling.hasFailed) return { ...failed, failure: undefined };
  const pieces: AssembledPiece[] = [];
  try {
    // Written and hashed twice while it is in the cache.
    for (let done = 0; done < lengthBytes; done += SLICE_LENGTH_BYTES) {
      const slice = bytes.subarray(done, done + SLICE_LENGTH_BYTES);
      if (target) writeAll(target.fd, slice, target.offsetBytes + done);
      pieces.push(...assembling.assembler.push(slice));
    }
  } catch (error) {
    assembling.hasFailed = true;
    const { code, message } = error as NodeJS.ErrnoException;
    return { ...failed, failure: { code, message } };
  }
  return { ...failed, pieces, failure: undefined };
}

function writeAll(fd: number, slice: Uint8Array, offsetBytes: number): void {
  for (let done = 0; done < slice.length;) {
    done += writeSync(fd, slice, done, slice.length - done, offsetBytes + done);
  }
}
