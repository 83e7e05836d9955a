import type { Bitmap } from "../../protocol/bitmap.ts";

/** A node as the shell numbers it: small integers, reused only after `removeHost`. */
export type Host = number;

/** A task as the shell numbers it, 0 or more. */
export type Task = number;

/** How many stripes pieces are dealt into between zones (piece index modulo this). */
export const STRIPE_COUNT = 64;

/** Everything a scheduler can do to the world. The shell must not call the scheduler from inside. */
export interface SchedulerOut {
  /** The host shall fetch this piece from the seed now. */
  offer(to: Host, task: Task, piece: number): void;
  /**
   * More neighbours for a member. It connects to them; they learn of it by its hello. `far`: they
   * stand in another zone, only the member's stripes cross the link towards it.
   */
  neighbours(to: Host, task: Task, hosts: readonly Host[], far: boolean): void;
  /** The stripes that the member shall bring into its zone (`STRIPE_COUNT` bits); not kept by us. */
  stripes(to: Host, task: Task, mask: Bitmap): void;
  /** These hosts are out for everyone: no node takes pieces from them for this long. */
  ban(hosts: readonly Host[], forMs: number): void;
  /** Ask the host what it holds of the task; the answer goes to `progress`. */
  askProgress(to: Host, task: Task): void;
  /** Call `tick` at or after this time; of several calls the earliest counts until the next tick. */
  wake(atMs: number): void;
}
