import type { Bitmap } from "../../protocol/bitmap.ts";
import { Scheduler, type SchedulerOut } from "../../supernode/scheduler/scheduler.ts";
import type { Fetch } from "./fetch.ts";
import type { Cable } from "./flow-network.ts";
import type { PeerNode } from "./peer-node.ts";
import { PieceServer, type Transfer } from "./piece-server.ts";
import { bytesPerMs, pieceBytes, pieceCount } from "./scenario.ts";
import { SimulationError } from "./simulation-error.ts";
import type { World } from "./world.ts";

const RETURN_SETTLE_MS = 1200;

/** The simulated supernode: the real scheduler, a seed that reads the origin once, a clock. */
export class SupernodeNode {
  readonly up: Cable;
  readonly down: Cable;
  isAlive = true;
  /** Messages to and from peers. */
  messages = 0;
  offers = 0;
  bans = new Map<number, number>();
  readonly #world: World;
  readonly #server: PieceServer;
  readonly #running = new Set<() => void>();
  /** Per task, the pieces on the seed's disk; they outlive the process. */
  readonly #onDisk = new Map<number, Set<number>>();
  #scheduler: Scheduler;
  #wakeMs = Infinity;
  readonly #wakeUp = (): void => this.#tick();

  constructor(world: World) {
    this.#world = world;
    const rate = bytesPerMs(world.scenario.seedMbit);
    this.up = world.network.cable(rate);
    this.down = world.network.cable(Math.max(rate, bytesPerMs(world.scenario.originMbit)));
    this.#server = new PieceServer(world.network, this.up, world.scenario.isPaced);
    this.#scheduler = this.#newScheduler();
  }

  get server(): PieceServer {
    return this.#server;
  }

  /** A peer connects and takes part in a task. */
  join(peer: PeerNode, task: number): void {
    this.#receive(peer, (scheduler) => {
      const { nowMs } = this.#world;
      scheduler.addHost(nowMs, peer.host, this.#zone(peer));
      this.#open(task);
      const near = scheduler.join(nowMs, task, peer.host, peer.verified.get(task)!.clone());
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
    if (!this.#onDisk.get(task)!.has(piece))
      throw new SimulationError("offered before it was ready");
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
    this.#receive(peer, (scheduler) =>
      scheduler.refuseOffer(this.#world.nowMs, task, peer.host, piece),
    );
  }

  blamed(peer: PeerNode, task: number, host: number, reason: "slow" | "corrupt" | "failed"): void {
    this.#receive(peer, (scheduler) =>
      scheduler.blame(this.#world.nowMs, task, peer.host, host, reason),
    );
  }

  starving(peer: PeerNode, task: number): void {
    this.#receive(peer, (scheduler) => scheduler.starve(this.#world.nowMs, task, peer.host));
  }

  tellProgress(peer: PeerNode, task: number): void {
    const have = peer.verified.get(task)!.clone();
    this.#receive(peer, (scheduler) =>
      scheduler.progress(this.#world.nowMs, task, peer.host, have),
    );
  }

  /** A peer's socket is closed, or its heartbeats stopped. */
  lose(host: number): void {
    if (this.isAlive) this.#scheduler.removeHost(this.#world.nowMs, host);
  }

  die(): void {
    this.isAlive = false;
    for (const fail of this.#running) fail();
    this.#running.clear();
  }

  /** Starts again with nothing but its disk. */
  rise(): void {
    this.isAlive = true;
    this.#scheduler = this.#newScheduler();
    this.#world.events.after(RETURN_SETTLE_MS, () => {
      for (const task of this.#onDisk.keys()) this.#read(task);
    });
  }

  /** What peers are known to hold. */
  heldByPeers(task: number): Bitmap {
    return this.#scheduler.heldByPeers(task);
  }

  #zone(peer: PeerNode): string {
    return this.#world.scenario.zones > 1 ? `r|z${peer.zone}` : "";
  }

  #open(task: number): void {
    const { nowMs, scenario } = this.#world;
    const info = scenario.tasks[task]!;
    this.#scheduler.openTask(nowMs, task, pieceCount(info), info.pieceBytes);
    const onDisk = this.#onDisk.get(task);
    if (onDisk === undefined) {
      this.#onDisk.set(task, new Set());
      this.#read(task);
      return;
    }
    for (const piece of onDisk) this.#scheduler.pieceReady(nowMs, task, piece);
  }

  /** Reads from the origin what neither the disk nor a peer has, in order. */
  #read(task: number): void {
    const world = this.#world;
    const scheduler = this.#scheduler;
    const onDisk = this.#onDisk.get(task)!;
    const info = world.scenario.tasks[task]!;
    const next = (piece: number): void => {
      if (!this.isAlive || scheduler !== this.#scheduler) return;
      const held = scheduler.heldByPeers(task);
      while (piece < pieceCount(info) && (onDisk.has(piece) || held.has(piece))) piece += 1;
      if (piece === pieceCount(info)) return;
      world.origin.send([world.origin.uplink, this.down], pieceBytes(info, piece), false, () => {
        if (!this.isAlive || scheduler !== this.#scheduler) return;
        onDisk.add(piece);
        scheduler.pieceReady(world.nowMs, task, piece);
        next(piece + 1);
      });
    };
    next(0);
  }

  #receive(peer: PeerNode, act: (scheduler: Scheduler) => void): void {
    if (!this.isAlive || !peer.isAlive) return;
    this.messages += 1;
    const scheduler = this.#scheduler;
    this.#world.events.lane(this.#world.scenario.controlMs).add(() => {
      if (this.isAlive && scheduler === this.#scheduler) act(scheduler);
    });
  }

  #send(host: number, act: (peer: PeerNode) => void): void {
    this.messages += 1;
    const peer = this.#world.peers[host]!;
    this.#world.events.lane(this.#world.scenario.controlMs).add(() => {
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
    this.#wakeMs = Infinity;
    const out: SchedulerOut = {
      offer: (to, task, piece) => {
        this.offers += 1;
        this.#send(to, (peer) => peer.offered(task, piece));
      },
      neighbours: (to, task, hosts, far) =>
        this.#send(to, (peer) => world.connect(peer, hosts, task, far)),
      stripes: (to, task, mask) =>
        this.#send(to, (peer) => peer.swarm.stripes(world.nowMs, task, mask)),
      ban: (hosts, forMs) => {
        for (const host of hosts) this.bans.set(host, world.nowMs);
        for (const peer of world.peers) {
          this.#send(peer.host, (to) => {
            for (const host of hosts) to.swarm.ban(world.nowMs, host, forMs);
          });
        }
      },
      askProgress: (to, task) => this.#send(to, (peer) => this.tellProgress(peer, task)),
      wake: (atMs) => this.#wakeAt(atMs),
    };
    const { scenario } = world;
    const options = {
      seedBytesPerSecond: bytesPerMs(scenario.seedMbit) * 1000,
      ...scenario.scheduler,
    };
    return new Scheduler(options, out, world.random);
  }
}
