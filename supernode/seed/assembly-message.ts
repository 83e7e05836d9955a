import type { AssembledEnd, AssembledPiece, AssemblerOptions } from "./piece-assembler.ts";

/** To the thread that hashes and writes. What concerns one content is dealt with in order. */
export type AssemblyOrder =
  | { readonly kind: "slot"; readonly slot: number; readonly memory: SharedArrayBuffer }
  | { readonly kind: "slot-gone"; readonly slot: number }
  | { readonly kind: "begin"; readonly id: number; readonly options: AssemblerOptions }
  | AssemblyChunk
  | { readonly kind: "finish"; readonly id: number }
  | { readonly kind: "drop"; readonly id: number };

/** The next bytes of a content, which lie at the beginning of a slot. */
export interface AssemblyChunk {
  readonly kind: "chunk";
  readonly id: number;
  readonly slot: number;
  readonly lengthBytes: number;
  /** Where they are to be written; undefined for bytes that are held already. */
  readonly target: { readonly fd: number; readonly offsetBytes: number } | undefined;
}

/** From that thread: an answer to each chunk, finish and drop. */
export type AssemblyReply =
  | {
      readonly kind: "taken";
      readonly id: number;
      readonly slot: number;
      readonly pieces: readonly AssembledPiece[];
      /** Why the bytes could not be written; nothing that follows is. */
      readonly failure: { readonly code: string | undefined; readonly message: string } | undefined;
    }
  | { readonly kind: "finished"; readonly id: number; readonly end: AssembledEnd }
  | { readonly kind: "dropped"; readonly id: number };
