import { Bitmap } from "../../protocol/bitmap.ts";
import { pieceCount } from "../../protocol/piece-table.ts";
import type { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import type { ConnectedNode } from "../connected-node.ts";
import type { Host } from "../scheduler/scheduler.ts";
import type { ContentShape, SeedDeps, SeedSink } from "../seed/seed-request.ts";
import { NOTHING_ELSEWHERE } from "../seed/seed-request.ts";
import { PartDemand } from "./part-demand.ts";
import type { PartSlots } from "./part-slots.ts";
import type { RecentMismatches } from "./recent-mismatches.ts";
import { seedFromMembers } from "./seeding.ts";
import { shownError } from "./shown-error.ts";
import type { TaskHoldings } from "./task-holdings.ts";
import type { TaskJoin, TaskMembers } from "./task-members.ts";
import type { TaskPieces } from "./task-pieces.ts";
import { areWrong } from "./wrong-pieces.ts";

interface PartReadsDeps {
  readonly seed: SeedDeps;
  readonly slots: PartSlots;
  readonly taskId: TaskId;
  readonly members: TaskMembers;
  readonly pieces: TaskPieces;
  readonly holdings: TaskHoldings;
  readonly mismatches: RecentMismatches;
  readonly sink: SeedSink;
  readonly onRefused: (joins: readonly TaskJoin[], error: ProtocolError) => void;
  /** The origin sends all whatever part it is asked for: the task is read whole from now on. */
  readonly onWithoutRanges: () => void;
  /** Parts were read, or could not be. */
  readonly onEnded: () => void;
}

/** Reads from the origin of one task the pieces that nodes want which read parts of it. */
export class PartReads {
  readonly #deps: PartReadsDeps;
  readonly #demand: PartDemand;
  readonly #running = new Set<Promise<void>>();
  #isWithoutRanges = false;
  readonly #signal: AbortSignal;

  constructor(deps: PartReadsDeps, signal: AbortSignal) {
    const { members, pieces, seed, holdings } = deps;
    this.#deps = deps;
    this.#signal = signal;
    this.#demand = new PartDemand({
      clock: seed.clock,
      pieces,
      heldByMembers: () => holdings.heard,
      offer: (to, offered) => {
        const task = members.numberOf(to);
        const node = members.get(to)?.node;
        if (task === undefined || !node) return false;
        node.link.send({ kind: "offer", task, pieces: [...offered] });
        return true;
      },
      read: (wanted, host) => {
        // They come with all others.
        if (this.#isWithoutRanges) return;
        const reading = this.#read(wanted, host).finally(() => {
          this.#running.delete(reading);
          if (!signal.aborted) deps.onEnded();
        });
        this.#running.add(reading);
      },
    });
  }

  /** A node waits for pieces; `isAgain` when nobody has given them to it since it asked first. */
  want(node: ConnectedNode, pieces: readonly number[], isAgain: boolean): void {
    this.#demand.want(node.host, pieces, isAgain);
  }

  /** A piece can be handed out now, whatever it was read for. */
  ready(piece: number): void {
    this.#demand.ready(piece);
  }

  /** A node takes part no longer. */
  left(host: Host): void {
    this.#demand.left(host);
  }

  /** Adds the pieces that are being read. */
  addReading(to: Bitmap): void {
    if (this.#isWithoutRanges) return;
    for (const piece of this.#demand.awaited) if (piece < to.length) to.add(piece);
  }

  /** Whether the origin cannot be read in parts. */
  get isWithoutRanges(): boolean {
    return this.#isWithoutRanges;
  }

  /** The origin was found to send all whatever part it is asked for. */
  noteWithoutRanges(): void {
    this.#isWithoutRanges = true;
  }

  /** Resolves when nothing is read any more; the signal was aborted before. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #read(wanted: readonly number[], host: Host): Promise<void> {
    const { seed, slots, taskId, members, pieces, mismatches, sink, onRefused } = this.#deps;
    using handles = new DisposableStack();
    try {
      await seedFromMembers(
        {
          deps: seed,
          slots: async (work) => await slots.run(host, work),
          taskId,
          members,
          // Of parts nobody can tell whether they are right, so a node gets them from where it says first.
          preferred: host,
          sink: {
            ...sink,
            shaped: (stored) => {
              // Most of the time the task has a handle of its own, which goes on being used.
              if (pieces.stored) handles.use(stored);
              else sink.shaped(stored);
            },
          },
          takeProbe: () => undefined,
          onRefused,
          onWithoutRanges: this.#deps.onWithoutRanges,
          recentFailure: ({ url }) => mismatches.find(taskId, url),
          elsewhere: { ...NOTHING_ELSEWHERE, isAny: true, of: (shape) => allBut(wanted, shape) },
          isUnanswered: () => false,
        },
        this.#signal,
      );
    } catch (error) {
      if (this.#signal.aborted) return;
      // Two readings that differ may have written over each other.
      for (const piece of areWrong(error) ? wanted : []) await pieces.stored?.recheck(piece);
      const shown = shownError(error, seed.log);
      seed.log.warn({ taskId, code: shown.code, reason: shown.message }, "a part cannot be read");
      onRefused([...this.#joinsOf(this.#demand.failed(wanted))], shown);
    }
  }

  *#joinsOf(hosts: ReadonlySet<number>): Generator<TaskJoin> {
    for (const host of hosts) {
      const member = this.#deps.members.get(host);
      if (member?.isPart === true) yield* member.joins.values();
    }
  }
}

function allBut(
  wanted: readonly number[],
  { lengthBytes, pieceLengthBytes }: ContentShape,
): Bitmap {
  const others = Bitmap.full(pieceCount(lengthBytes!, pieceLengthBytes));
  for (const piece of wanted) others.delete(piece);
  return others;
}
