import type { Clock } from "../../platform/clock.ts";
import type { Fleet } from "../../test/harness/fleet.ts";
import { receivedBytes } from "../../test/harness/fleet-metrics.ts";
import type { KillSpec } from "./kill-spec.ts";
import { sum } from "./statistics.ts";

const LOOK_EVERY_MS = 200;

/** Kills processes of a fleet when so much has arrived at its nodes, and knows what it has killed. */
export class FleetKills {
  readonly #fleet: Fleet;
  readonly #clock: Clock;
  readonly #killedNodes = new Set<number>();
  #isSupernodeKilled = false;

  constructor(fleet: Fleet, clock: Clock) {
    this.#fleet = fleet;
    this.#clock = clock;
  }

  get isSupernodeKilled(): boolean {
    return this.#isSupernodeKilled;
  }

  isNodeKilled(index: number): boolean {
    return this.#killedNodes.has(index);
  }

  /** Resolves when every kill is done; rejects when the signal is aborted first. `wantedBytes` is of all nodes. */
  async carryOut(
    kills: readonly KillSpec[],
    wantedBytes: number,
    signal: AbortSignal,
  ): Promise<void> {
    const inOrder = kills.toSorted((a, b) => a.atShare - b.atShare);
    if (kills.length === 0) return;
    const earlier = this.#fleet.nodes.map(() => 0);
    await this.#look(earlier);
    const arrived = [...earlier];
    for (const kill of inOrder) {
      while (sum(arrived) - sum(earlier) < kill.atShare * wantedBytes) {
        await this.#clock.sleep(LOOK_EVERY_MS, signal);
        await this.#look(arrived);
      }
      signal.throwIfAborted();
      await this.#kill(kill);
    }
  }

  /** A node that was killed keeps its last figure. */
  async #look(arrived: number[]): Promise<void> {
    const looks = this.#fleet.nodes.map(async ({ index, peerUrl }) => {
      if (this.#killedNodes.has(index)) return;
      arrived[index] = (await receivedBytes(peerUrl)).total;
    });
    await Promise.all(looks);
  }

  async #kill({ target }: KillSpec): Promise<void> {
    if (target.kind === "supernode") {
      this.#isSupernodeKilled = true;
      await this.#fleet.supernode.killHard();
      return;
    }
    this.#killedNodes.add(target.index);
    await this.#fleet.node(target.index).process.killHard();
  }
}
