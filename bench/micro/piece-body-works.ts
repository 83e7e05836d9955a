import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { PieceBody } from "../../dfget/transfer/piece-body.ts";
import type { Work } from "./measure.ts";

const PIECE_LENGTH_BYTES = 1_048_576;
/** What one read of a socket brings: a packet on a slow line, more and more on faster ones. */
const READ_LENGTHS_BYTES = [1448, 16_384, 524_288];

/** Hashing and storing a piece as it comes in from a socket. The file is removed with what is returned. */
export function pieceBodyWorks(): { readonly works: Work[] } & Disposable {
  const directory = mkdtempSync(join(tmpdir(), "darter-micro-"));
  const fd = openSync(join(directory, "piece"), "w+");
  const content = new Uint8Array(PIECE_LENGTH_BYTES).fill(7);
  const takeIn = (readLengthBytes: number): number => {
    const body = new PieceBody({ fd, offsetBytes: 0, lengthBytes: PIECE_LENGTH_BYTES });
    for (let offset = 0; offset < content.length; offset += readLengthBytes) {
      body.push(content.subarray(offset, offset + readLengthBytes));
    }
    body.end();
    return body.digest()[0]!;
  };
  return {
    works: READ_LENGTHS_BYTES.map((readLengthBytes) => ({
      name: `hash and store 1 MiB in reads of ${readLengthBytes} B`,
      run: () => takeIn(readLengthBytes),
    })),
    [Symbol.dispose]() {
      closeSync(fd);
      rmSync(directory, { recursive: true });
    },
  };
}
