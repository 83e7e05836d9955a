import { Members } from "./members.ts";
import { PieceLedger } from "./piece-ledger.ts";
import type { Host, Task } from "./scheduler-out.ts";

/** How far a starving member has come: each round that does not help brings stronger help. */
export interface Hunger {
  level: number;
  /** How many pieces it held when last heard of, and since when. */
  held: number;
  heldMs: number;
  lastMs: number;
}

/** Everything the scheduler keeps of one task. */
export class TaskRecord {
  readonly task: Task;
  readonly pieceLengthBytes: number;
  readonly members = new Members();
  readonly ledger: PieceLedger;
  /** Members that starved lately. */
  readonly hungry = new Map<Host, Hunger>();
  /** Members that were asked what they hold, and when; forgotten with the answer. */
  readonly asked = new Map<Host, number>();
  /** Members that get no offers before a time, because they refused one. */
  readonly paused = new Map<Host, number>();
  /** Members whose stripes changed and that need neighbours for them. */
  readonly unlinked = new Set<Host>();
  /** Further copies that the seed may give while it has nothing fresh, last first. */
  spare: { readonly host: Host; readonly piece: number }[] = [];
  confirmAtMs = 0;
  fewAtMs = 0;

  constructor(task: Task, pieceCount: number, pieceLengthBytes: number) {
    this.task = task;
    this.pieceLengthBytes = pieceLengthBytes;
    this.ledger = new PieceLedger(pieceCount);
  }

  get incompleteCount(): number {
    return this.members.size - this.members.completeCount;
  }
}
