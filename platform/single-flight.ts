import { NOT_NEEDED, abortable } from "./abortable.ts";

/** Work that several callers wait for although it runs once. */
interface Flight<T> {
  readonly result: Promise<T>;
  readonly abort: AbortController;
  waiters: number;
}

/**
 * Runs the same work once for all who ask for it at the same time. It is aborted when the last of them
 * no longer waits.
 */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();

  /** Waits for the work named by `key`, starting it when nobody did. Rejects with the signal's reason. */
  async run(
    key: string,
    start: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    signal.throwIfAborted();
    const flight = this.#flights.get(key) ?? this.#begin(key, start);
    flight.waiters += 1;
    try {
      return await abortable(flight.result, signal);
    } finally {
      flight.waiters -= 1;
      if (flight.waiters === 0) this.#leave(key, flight);
    }
  }

  #begin(key: string, start: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const abort = new AbortController();
    const flight = { result: start(abort.signal), abort, waiters: 0 };
    this.#flights.set(key, flight);
    const forget = (): void => this.#forget(key, flight);
    flight.result.then(forget, forget);
    return flight;
  }

  #leave(key: string, flight: Flight<T>): void {
    this.#forget(key, flight);
    flight.abort.abort(NOT_NEEDED);
  }

  #forget(key: string, flight: Flight<T>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}
