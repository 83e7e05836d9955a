import type { Link } from "./link.ts";
import type { SwarmOptions } from "./swarm-options.ts";
import type { Host, SwarmOut, Task } from "./swarm-out.ts";
import type { TaskState } from "./task-state.ts";

/** What the parts of a swarm share. */
export class SwarmContext {
  readonly options: Readonly<SwarmOptions>;
  readonly out: SwarmOut;
  readonly random: () => number;
  readonly tasks = new Map<Task, TaskState>();
  /** Every link of every task, in no order. */
  readonly links: Link[] = [];
  /** Hosts that are out, and until when; those that are not connected are not in it. */
  readonly outUntilMs = new Map<Host, number>();
  /** Transfers running from neighbours and from the seed. */
  downloads = 0;
  /** Whether the supernode cannot be reached, and since when. */
  isSupernodeLost = false;
  supernodeLostMs = 0;
  #wakeMs = Infinity;

  constructor(options: Readonly<SwarmOptions>, out: SwarmOut, random: () => number) {
    this.options = options;
    this.out = out;
    this.random = random;
  }

  /** Download slots that are free, as told to neighbours. */
  get freeSlots(): number {
    return Math.max(0, this.options.downloadSlots - this.downloads);
  }

  /**
   * Download slots that are free for a task. One of few pieces uses fewer: there the time of one piece is a
   * good part of the whole, and pieces that come one after the other go on sooner.
   */
  freeSlotsOf(state: TaskState): number {
    // It asks for what it wants, and has no use for grants.
    if (state.isPart) return 0;
    if (!this.isSmall(state)) return this.freeSlots;
    const { smallTaskSlots } = this.options;
    return Math.max(0, Math.min(this.freeSlots, smallTaskSlots - state.flights.length));
  }

  isSmall(state: TaskState): boolean {
    return state.have.length <= this.options.smallTaskPieces;
  }

  link(task: Task, host: Host): Link | undefined {
    return this.tasks.get(task)?.links.get(host);
  }

  addLink(link: Link): void {
    link.index = this.links.length;
    this.links.push(link);
    link.state.links.set(link.host, link);
  }

  deleteLink(link: Link): void {
    const last = this.links.pop()!;
    if (last !== link) {
      this.links[link.index] = last;
      last.index = link.index;
    }
    link.state.links.delete(link.host);
    link.index = -1;
  }

  /** Asks to be ticked at or after this time. */
  wake(atMs: number): void {
    if (atMs >= this.#wakeMs) return;
    this.#wakeMs = atMs;
    this.out.wake(atMs);
  }

  /** The tick that was asked for has come. */
  woken(): void {
    this.#wakeMs = Infinity;
  }

  /** Asks for the regular look at running transfers. */
  wakeForCheck(nowMs: number): void {
    this.wake(nowMs + this.options.checkMs);
  }
}
