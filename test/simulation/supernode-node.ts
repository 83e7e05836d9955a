import type { Bitmap } from "../../protocol/bitmap.ts";
import {
  defaultSchedulerOptions,
  Scheduler,
  type SchedulerOut,
} from "../../supernode/scheduler/scheduler.ts";
import type { Fetch } from "./fetch.ts";
import type { Cable } from "./flow-network.ts";
import { OfferLedger } from "./offer-ledger.ts";
import type { PeerNode } from "./peer-node.ts";
import { PieceServer, type Transfer } from "./piece-server.ts";
import { Processor } from "./processor.ts";
import { bytesPerMs, pieceBytes, pieceCount } from "./scenario.ts";
import { SeedDisk } from "./seed-disk.ts";
import { SimulationError } from "./simulation-error.ts";
import { timed } from "./timed.ts";
import type { World } from "./world.ts";

const RETURN_SETTLE_MS = 1200;

/** The simulated supernode: the real scheduler, a seed that reads the origin once, a clock. */
export class SupernodeNode {
  /** No peer's number. */
  readonly host = -1;
  readonly up: Cable;
  readonly down: Cable;
  readonly processor = new Processor();
  isAlive = true;
  /** Messages to and from peers. */
  messages = 0;
  offers = 0;
  /** Hosts that were put out, and when first. */
  readonly bans = new Map<number, number>();
  /** What the scheduler's methods took together, if it is measured. */
  cpuMs = 0;
  readonly #world: World;
  readonly #server: PieceServer;
  readonly #running = new Set<() => void>();
  readonly #disk: SeedDisk;
  /** Per task, who takes part. */
  readonly #members = new Map<number, Set<number>>();
  #ledger = new OfferLedger();
  #scheduler: Scheduler;
  #wakeMs = Infinity;
  #settledMs = 0;
  readonly #wakeUp = (): void => this.#tick();

  constructor(world: World) {
    this.#world = world;
    const rate = bytesPerMs(world.scenario.seedMbit);
    this.up = world.network.cable(rate);
    this.down = world.network.cable(Math.max(rate, bytesPerMs(world.scenario.originMbit)));
    this.#server = new PieceServer(world.network, this.up, world.scenario.isPaced);
    this.#disk = new SeedDisk(world, this.down);
    this.#scheduler = this.#newScheduler();
  }

  /** A peer connects and takes part in a task. */
  join(peer: PeerNode, task: number): void {
    const have = peer.verified.get(task)!.clone();
    this.#receive(peer, (scheduler) => {
      const { nowMs } = this.#world;
      scheduler.addHost(nowMs, peer.host, this.#zone(peer));
      this.#open(task);
      this.#ledger.joined(peer.host);
      this.#members.get(task)!.add(peer.host);
      this.#told(task, peer, have);
      const near = scheduler.join(nowMs, task, peer.host, have);
      this.#send(peer.host, (to) => this.#world.connect(to, near, task, false));
    });
  }

  /** A peer asked the seed for the piece it was offered. */
  serve(peer: PeerNode, fetch: Fetch): Transfer | undefined {
    if (!this.isAlive) {
      fetch.answer("failed");
      return undefined;
    }
    const world = this.#world;
    const { task, piece } = fetch;
    if (!this.#disk.has(task, piece)) throw new SimulationError("offered before it was ready");
    const length = pieceBytes(world.scenario.tasks[task]!, piece);
    const scheduler = this.#scheduler;
    const end = (): void => {
      this.#running.delete(fail);
      if (scheduler === this.#scheduler) {
        scheduler.offerEnded(world.nowMs, task, peer.host, piece);
      }
    };
    const sending = this.#server.send(world.pathFromSeed(peer), length, false, () => {
      end();
      fetch.answer("good");
    });
    const fail = (): void => {
      sending.cancel();
      fetch.answer("failed");
    };
    this.#running.add(fail);
    return {
      cancel: () => {
        sending.cancel();
        end();
      },
    };
  }

  refused(peer: PeerNode, task: number, piece: number): void {
    this.#receive(peer, (scheduler) => {
      this.#ledger.refused(task, piece, peer.host);
      scheduler.refuseOffer(this.#world.nowMs, task, peer.host, piece);
    });
  }

  blamed(peer: PeerNode, task: number, host: number, reason: "slow" | "corrupt" | "failed"): void {
    this.#receive(peer, (scheduler) =>
      scheduler.blame(this.#world.nowMs, task, peer.host, host, reason),
    );
  }

  starving(peer: PeerNode, task: number): void {
    this.#receive(peer, (scheduler) => {
      this.#ledger.starving(this.#world.nowMs, peer.host);
      scheduler.starve(this.#world.nowMs, task, peer.host);
      // Those who held what it lacks may be gone, or out.
      if (this.#world.nowMs >= this.#settledMs) this.#read(task);
    });
  }

  tellProgress(peer: PeerNode, task: number): void {
    const have = peer.verified.get(task)!.clone();
    this.#receive(peer, (scheduler) => {
      if (this.#members.get(task)?.has(peer.host) === true) this.#told(task, peer, have);
      scheduler.progress(this.#world.nowMs, task, peer.host, have);
    });
  }

  /** A peer's socket is closed, or its heartbeats stopped. */
  lose(host: number): void {
    if (!this.isAlive) return;
    for (const members of this.#members.values()) members.delete(host);
    this.#ledger.gone(host);
    this.#scheduler.removeHost(this.#world.nowMs, host);
  }

  die(): void {
    this.isAlive = false;
    for (const fail of this.#running) fail();
    this.#running.clear();
  }

  /** Starts again with nothing but its disk. */
  rise(): void {
    this.isAlive = true;
    this.#members.clear();
    this.#ledger = new OfferLedger();
    this.#disk.restarted();
    this.#settledMs = this.#world.nowMs + RETURN_SETTLE_MS;
    const scheduler = (this.#scheduler = this.#newScheduler());
    this.#world.events.after(RETURN_SETTLE_MS, () => {
      if (scheduler !== this.#scheduler) return;
      for (const task of this.#disk.tasks) this.#read(task);
    });
  }

  #zone(peer: PeerNode): string {
    return this.#world.scenario.zones > 1 ? `r|z${peer.zone}` : "";
  }

  /** The scheduler does not believe a host that is out. */
  #told(task: number, peer: PeerNode, have: Bitmap): void {
    if (!this.bans.has(peer.host)) this.#disk.told(task, peer, have);
  }

  #open(task: number): void {
    if (this.#members.has(task)) return;
    const { nowMs, scenario } = this.#world;
    const info = scenario.tasks[task]!;
    this.#members.set(task, new Set());
    this.#ledger.open(task, pieceCount(info));
    this.#scheduler.openTask(nowMs, task, pieceCount(info), info.pieceBytes);
    const isNew = this.#disk.open(task);
    // After a restart peers may hold what nobody has told of yet.
    if (isNew && nowMs >= this.#settledMs) this.#read(task);
    for (const piece of this.#disk.pieces(task)) this.#scheduler.pieceReady(nowMs, task, piece);
  }

  #read(task: number): void {
    const scheduler = this.#scheduler;
    this.#disk.read(task, {
      isCurrent: () => this.isAlive && scheduler === this.#scheduler,
      held: () => scheduler.heldByPeers(task),
      ready: (piece) => scheduler.pieceReady(this.#world.nowMs, task, piece),
    });
  }

  #receive(peer: PeerNode, act: (scheduler: Scheduler) => void): void {
    if (!this.isAlive || !peer.isAlive) return;
    this.messages += 1;
    const scheduler = this.#scheduler;
    this.#world.wires.carry(peer, this, this.#world.scenario.controlMs, () => {
      if (this.isAlive && scheduler === this.#scheduler) act(scheduler);
    });
  }

  #send(host: number, act: (peer: PeerNode) => void): void {
    this.messages += 1;
    const peer = this.#world.peers[host]!;
    this.#world.wires.carry(this, peer, this.#world.scenario.controlMs, () => {
      if (peer.isAlive) act(peer);
    });
  }

  #wakeAt(atMs: number): void {
    const { events, nowMs } = this.#world;
    if (atMs >= this.#wakeMs) return;
    this.#wakeMs = Math.max(atMs, nowMs);
    events.at(this.#wakeMs, this.#wakeUp);
  }

  #tick(): void {
    if (this.#wakeMs !== this.#world.nowMs) return;
    this.#wakeMs = Infinity;
    if (this.isAlive) this.#scheduler.tick(this.#world.nowMs);
  }

  #newScheduler(): Scheduler {
    const world = this.#world;
    const { scenario } = world;
    this.#wakeMs = Infinity;
    const options = {
      seedBytesPerSecond: bytesPerMs(scenario.seedMbit) * 1000,
      ...scenario.scheduler,
    };
    const scheduler = new Scheduler(options, this.#out(), world.random);
    if (!scenario.measuresCpu) return scheduler;
    return timed(scheduler, (ms) => {
      this.cpuMs += ms;
    });
  }

  #out(): SchedulerOut {
    const world = this.#world;
    return {
      offer: (to, task, piece) => {
        this.offers += 1;
        const isFew = this.#isFew(task);
        world.check(() => this.#ledger.offered(world.nowMs, task, piece, to, isFew));
        this.#send(to, (peer) => peer.offered(task, piece));
      },
      neighbours: (to, task, hosts, far) =>
        this.#send(to, (peer) => world.connect(peer, hosts, task, far)),
      stripes: (to, task, mask) => {
        const copy: Bitmap = mask.clone();
        this.#send(to, (peer) => peer.swarm.stripes(world.nowMs, task, copy));
      },
      ban: (hosts, forMs) => this.#ban(hosts, forMs),
      askProgress: (to, task) => this.#send(to, (peer) => this.tellProgress(peer, task)),
      wake: (atMs) => this.#wakeAt(atMs),
    };
  }

  #ban(hosts: readonly number[], forMs: number): void {
    const world = this.#world;
    for (const host of hosts) {
      this.bans.set(host, Math.min(this.bans.get(host) ?? Infinity, this.#world.nowMs));
      this.#ledger.gone(host);
      this.#disk.distrust(host);
    }
    for (const peer of world.peers) {
      this.#send(peer.host, (to) => {
        for (const host of hosts) {
          to.distrustedMs.set(host, world.nowMs);
          to.swarm.ban(world.nowMs, host, forMs);
        }
      });
    }
  }

  /** So few take part that the seed gives further copies rather than idle. */
  #isFew(task: number): boolean {
    const few = this.#world.scenario.scheduler.fewMembers ?? defaultSchedulerOptions.fewMembers;
    return this.#members.get(task)!.size <= few + 1;
  }
}
