import { boundMs } from "./bound.ts";
import { EventQueue } from "./event-queue.ts";
import { FlowNetwork, type Cable } from "./flow-network.ts";
import { PeerNode } from "./peer-node.ts";
import { checkStarvation, starvedAfterMs } from "./invariants.ts";
import { PieceServer } from "./piece-server.ts";
import { bytesPerMs, type Pull, type Scenario } from "./scenario.ts";
import { seededRandom } from "./seeded-random.ts";
import { SimulationError } from "./simulation-error.ts";
import { SupernodeNode } from "./supernode-node.ts";
import { Wires } from "./wires.ts";

const PEER_HEARTBEAT_MS = 10_000;
const SUPERNODE_HEARTBEAT_MS = 3000;
const LOST_AFTER_MS = 50;
const REJOIN_SPREAD_MS = 1000;
const SWEEP_MS = 1000;
const BREACHES_MAX = 50;

/** One run: all hosts, the cables between them, and what befalls them. */
export class World {
  readonly scenario: Scenario;
  readonly random: () => number;
  readonly events = new EventQueue();
  readonly network = new FlowNetwork(this.events);
  readonly wires: Wires;
  readonly origin: PieceServer;
  readonly supernode: SupernodeNode;
  readonly peers: PeerNode[] = [];
  /** Dead peers whose sockets are open still. */
  readonly silent = new Set<PeerNode>();
  readonly zoneUp: Cable[] = [];
  readonly zoneDown: Cable[] = [];
  /** Breaches that the run survived; the first ones. */
  readonly breaches: string[] = [];
  readonly #starved = new Set<PeerNode>();
  /** Messages between peers. */
  peerMessages = 0;
  /** Requests to the origin, the seed's and the peers'. */
  originRequests = 0;
  /** Live peers that lack something. */
  #unfinished = 0;

  constructor(scenario: Scenario) {
    this.scenario = scenario;
    this.random = seededRandom(scenario.seed);
    this.wires = new Wires(this.events, this.network, scenario.queueMs);
    for (let zone = 0; zone < scenario.zones; zone++) {
      this.zoneUp.push(this.network.cable(bytesPerMs(scenario.zoneMbit)));
      this.zoneDown.push(this.network.cable(bytesPerMs(scenario.zoneMbit)));
    }
    const originUp = this.network.cable(bytesPerMs(scenario.originMbit));
    this.origin = new PieceServer(this.network, originUp, false);
    this.supernode = new SupernodeNode(this);
    this.#addPeers();
    this.#planFaults();
    this.events.after(SWEEP_MS, () => this.#sweep());
  }

  get nowMs(): number {
    return this.events.nowMs;
  }

  /** Runs until every live peer has everything. Throws SimulationError when one never gets there. */
  run(): void {
    while (this.#unfinished > 0 && this.nowMs < this.scenario.limitMs) {
      if (!this.events.step()) break;
    }
    if (this.#unfinished === 0) return;
    const first = this.peers.find((peer) => peer.isAlive && !peer.isDone)!;
    const counts = [...first.verified.values()].map((verified) => verified.count);
    throw new SimulationError(
      `${this.#unfinished} live peers had not finished after ${this.nowMs} ms of virtual time; ` +
        `peer ${first.host} holds ${counts.join(", ")} pieces`,
    );
  }

  /**
   * Makes a check whose breach wastes something, but leaves the run and its results right. False if
   * there was one and the scenario is not strict.
   */
  check(act: () => void): boolean {
    try {
      act();
      return true;
    } catch (error) {
      if (this.scenario.isStrict || !(error instanceof SimulationError)) throw error;
      if (this.breaches.length < BREACHES_MAX) this.breaches.push(error.message);
      return false;
    }
  }

  /** A live peer has everything. */
  finished(): void {
    this.#unfinished -= 1;
  }

  latencyMs(a: PeerNode, b: PeerNode): number {
    return a.zone === b.zone ? this.scenario.latencyMs : this.scenario.farLatencyMs;
  }

  /** The cables from one peer to another. */
  path(from: PeerNode, to: PeerNode): Cable[] {
    if (from.zone === to.zone) return [from.up, to.down];
    return [from.up, this.zoneUp[from.zone]!, this.zoneDown[to.zone]!, to.down];
  }

  /** The cables from the seed, which stands in no zone. */
  pathFromSeed(to: PeerNode): Cable[] {
    if (this.scenario.zones < 2) return [this.supernode.up, to.down];
    return [this.supernode.up, this.zoneDown[to.zone]!, to.down];
  }

  /** Connects a peer with others for a task. */
  connect(peer: PeerNode, hosts: readonly number[], task: number, far: boolean): void {
    for (const host of hosts) {
      const other = this.peers[host]!;
      const delayMs = 2 * this.latencyMs(peer, other) + this.scenario.connectMs;
      this.events.after(delayMs, () => {
        if (!peer.isAlive || !other.isAlive) return;
        if (!peer.verified.has(task) || !other.verified.has(task)) return;
        peer.connect(task, other);
        other.connect(task, peer);
        peer.swarm.addNeighbour(this.nowMs, task, other.host, other.nodeKey, far);
        other.swarm.addNeighbour(this.nowMs, task, peer.host, peer.nodeKey);
      });
    }
  }

  /** Delivers a message between connected peers. */
  send(from: PeerNode, host: number, deliver: (to: PeerNode) => void): void {
    const to = this.peers[host];
    if (to === undefined) return;
    this.peerMessages += 1;
    this.wires.carry(from, to, this.latencyMs(from, to), () => {
      if (to.isAlive) deliver(to);
    });
  }

  /** Delivers one message to many connected peers. */
  sendAll(from: PeerNode, hosts: readonly number[], deliver: (to: PeerNode) => void): void {
    if (this.wires.hasQueues) {
      for (const host of hosts) this.send(from, host, deliver);
      return;
    }
    this.peerMessages += hosts.length;
    if (this.scenario.zones === 1) {
      this.#deliver(hosts, this.scenario.latencyMs, deliver);
      return;
    }
    const isNear = (host: number): boolean => this.peers[host]!.zone === from.zone;
    const near = hosts.filter(isNear);
    if (near.length > 0) this.#deliver(near, this.scenario.latencyMs, deliver);
    if (near.length === hosts.length) return;
    const far = hosts.filter((host) => !isNear(host));
    this.#deliver(far, this.scenario.farLatencyMs, deliver);
  }

  #deliver(hosts: readonly number[], delayMs: number, deliver: (to: PeerNode) => void): void {
    this.events.lane(delayMs).add(() => {
      for (const host of hosts) {
        const to = this.peers[host]!;
        if (to.isAlive) deliver(to);
      }
    });
  }

  #addPeers(): void {
    const { faults, peers, staggerMs, tasks, zones } = this.scenario;
    for (let host = 0; host < peers; host++) {
      const drawn = {
        isSlow: this.random() < faults.slow,
        isStaller: this.random() < faults.stallers,
        isCorrupter: this.random() < faults.corrupters,
      };
      const nodeKey = Math.floor(this.random() * 2 ** 32);
      const peer = new PeerNode(this, host, nodeKey, host % zones, drawn);
      this.peers.push(peer);
      this.#unfinished += 1;
      const atMs = this.random() * staggerMs;
      const pulls = this.scenario.pulls?.[host] ?? [{ atMs, tasks: [...tasks.keys()] }];
      if (pulls.length === 0) this.#unfinished -= 1;
      for (const pull of pulls) this.#planPull(peer, pull);
    }
  }

  #planPull(peer: PeerNode, pull: Pull): void {
    this.events.at(pull.atMs, () => {
      if (peer.isAlive) peer.pull(pull);
    });
  }

  /** Looks whether anybody starves. */
  #sweep(): void {
    for (const peer of this.peers) {
      if (!peer.isAlive || peer.isDone || this.#starved.has(peer)) continue;
      const limitMs = starvedAfterMs(this.scenario, peer.down.rate);
      const isFed = this.check(() => checkStarvation(this.nowMs, peer, limitMs));
      if (!isFed) this.#starved.add(peer);
    }
    this.events.after(SWEEP_MS, () => this.#sweep());
  }

  #planFaults(): void {
    const { faults } = this.scenario;
    const bound = boundMs(this.scenario) + this.scenario.staggerMs;
    for (const peer of this.peers) {
      const isLoud = this.random() < faults.deaths;
      const isSilent = !isLoud && this.random() < faults.silentDeaths;
      const atMs = this.random() * bound;
      if (isLoud || isSilent) this.events.at(atMs, () => this.#kill(peer, isLoud));
    }
    if (faults.supernodeDies !== Infinity) {
      this.events.at(faults.supernodeDies * bound, () => this.#loseSupernode());
    }
    if (faults.supernodeReturns !== Infinity) {
      this.events.at(faults.supernodeReturns * bound, () => this.#returnSupernode());
    }
  }

  #kill(peer: PeerNode, isLoud: boolean): void {
    if (!isLoud) this.silent.add(peer);
    if (!peer.isDone) this.#unfinished -= 1;
    peer.die(isLoud);
    const peersMs = isLoud ? this.scenario.latencyMs : PEER_HEARTBEAT_MS;
    const supernodeMs = isLoud ? this.scenario.controlMs : SUPERNODE_HEARTBEAT_MS;
    this.events.after(peersMs, () => {
      this.silent.delete(peer);
      for (const other of peer.connected) other.disconnect(peer);
      peer.connected.clear();
    });
    this.events.after(supernodeMs, () => this.supernode.lose(peer.host));
  }

  #loseSupernode(): void {
    this.supernode.die();
    for (const peer of this.peers) {
      this.events.after(LOST_AFTER_MS * (1 + this.random()), () => {
        if (peer.isAlive && !this.supernode.isAlive) peer.swarm.supernodeLost(this.nowMs);
      });
    }
  }

  #returnSupernode(): void {
    this.supernode.rise();
    for (const peer of this.peers) {
      this.events.after(REJOIN_SPREAD_MS * this.random(), () => {
        if (!peer.isAlive) return;
        peer.swarm.supernodeBack(this.nowMs);
        for (const task of peer.verified.keys()) this.supernode.join(peer, task);
      });
    }
  }
}
