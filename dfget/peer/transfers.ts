import type { Host, Task } from "../swarm/swarm.ts";

interface Transfer {
  readonly from: Host;
  /** It has all its bytes and ends the others; whoever comes later gives way. */
  hasWon: boolean;
  /** Another transfer of the piece was there at some time, and may have written to the same place. */
  hadRivals: boolean;
  readonly abort: AbortController;
  readonly settled: Promise<unknown>;
}

/** Another transfer of the same piece has all its bytes. */
export class Outrun extends Error {
  override readonly name = "Outrun";

  constructor() {
    super("outrun");
  }
}

/** The transfers of a peer that are under way, so that they can be stopped and waited for. */
export class Transfers {
  readonly #byPiece = new Map<string, Set<Transfer>>();

  /**
   * Runs a transfer. `run` gets a signal, and a function that stops all other transfers of the piece and
   * resolves, when they have ended, to whether any was there since this one began; it rejects in a
   * transfer that was outrun by another. A transfer of a piece that another one has all bytes of
   * does not begin: it would write over what was verified. Rejects with {@link Outrun}.
   */
  async start<T>(
    from: Host,
    task: Task,
    piece: number,
    run: (signal: AbortSignal, endRivals: () => Promise<boolean>) => Promise<T>,
  ): Promise<T> {
    const key = `${task}/${piece}`;
    const rivals = this.#byPiece.get(key) ?? new Set();
    if (hasWinner(rivals)) throw new Outrun();
    this.#byPiece.set(key, rivals);
    for (const rival of rivals) rival.hadRivals = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    const transfer: Transfer = {
      from,
      hasWon: false,
      hadRivals: rivals.size > 0,
      abort: new AbortController(),
      settled: promise,
    };
    rivals.add(transfer);
    try {
      return await run(transfer.abort.signal, async () => {
        const others = [...rivals].filter((other) => other !== transfer);
        // Two that waited for each other would wait for ever.
        if (!transfer.hasWon && hasWinner(others)) throw new Outrun();
        transfer.hasWon = true;
        for (const other of others) other.abort.abort();
        await Promise.all(others.map((other) => other.settled));
        return transfer.hadRivals;
      });
    } finally {
      resolve();
      rivals.delete(transfer);
      if (rivals.size === 0) this.#byPiece.delete(key);
    }
  }

  /** Resolves when no transfer of the piece is about to end as the one that has its bytes. */
  async winnerSettled(task: Task, piece: number): Promise<void> {
    for (const { hasWon, settled } of this.#byPiece.get(`${task}/${piece}`) ?? []) {
      if (hasWon) await settled;
    }
  }

  /** Stops one transfer. */
  abort(from: Host, task: Task, piece: number): void {
    for (const transfer of this.#byPiece.get(`${task}/${piece}`) ?? []) {
      if (transfer.from === from) transfer.abort.abort();
    }
  }

  /** Stops every transfer of a task and resolves when they have ended. */
  async abortTask(task: Task): Promise<void> {
    const settled: Promise<unknown>[] = [];
    for (const [key, transfers] of this.#byPiece) {
      if (!key.startsWith(`${task}/`)) continue;
      for (const transfer of transfers) {
        transfer.abort.abort();
        settled.push(transfer.settled);
      }
    }
    await Promise.all(settled);
  }
}

function hasWinner(transfers: Iterable<Transfer>): boolean {
  for (const { hasWon } of transfers) if (hasWon) return true;
  return false;
}
