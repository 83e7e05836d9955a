import { createHash } from "node:crypto";
import pLimit from "p-limit";

import { systemCalendar } from "../platform/calendar.ts";
import type { Signer } from "../platform/signing.ts";
import type { NodeFrame, SupernodeFrame } from "../protocol/node-frames.ts";
import type { PeerSummary, TaskSummary } from "../protocol/rest.ts";
import type { TaskId } from "../protocol/task-id.ts";
import { FrameError } from "../protocol/wire.ts";
import { Admissions } from "./admissions.ts";
import type { ConnectedNode, NodeIntroduction, NodeLink } from "./connected-node.ts";
import type { SupernodeMetrics } from "./metrics.ts";
import type { NodeEvents } from "./node-gateway.ts";
import { NodeRegistry } from "./node-registry.ts";
import type { PieceSent } from "./piece-route.ts";
import { SchedulerDriver } from "./scheduler-driver.ts";
import type { SeedDeps } from "./seed/seed-request.ts";
import { SendMeter } from "./send-meter.ts";
import { TaskHistory } from "./task-history.ts";
import type { TaskTimes } from "./tasks/live-task-deps.ts";
import { isFree } from "./tasks/seed-slots.ts";
import { PartSlots } from "./tasks/part-slots.ts";
import { TaskDirectory } from "./tasks/task-directory.ts";
import { UrlResolver } from "./tasks/url-resolver.ts";

/** Parts of tasks that are read from origins at the same time. */
export const PART_READS_MAX = 32;
/** The same for one node. */
export const PART_READS_OF_NODE_MAX = 16;

export interface CoordinatorOptions {
  /** The URL by which nodes reach the seed; undefined where the URL that they connected by is right. */
  readonly seedUrl: string | undefined;
  readonly heartbeatMs: number;
  /** Tasks that are read from origins at the same time. */
  readonly seedSlots: number;
  /** What the seed may send; 0 for no limit. */
  readonly uploadBytesPerSecond: number;
  readonly times: TaskTimes;
}

/** Nodes, tasks and the scheduler between them: everything that frames and transfers come to. */
export class Coordinator implements NodeEvents, AsyncDisposable {
  /** Derived from the key by which pieces are signed, so it outlives a restart. */
  readonly supernodeId: string;
  readonly #options: CoordinatorOptions;
  readonly #seed: SeedDeps;
  readonly #metrics: SupernodeMetrics;
  readonly #nodes: NodeRegistry;
  readonly #driver: SchedulerDriver;
  readonly #tasks: TaskDirectory;
  readonly #history: TaskHistory;
  readonly #meter: SendMeter;
  readonly #admissions: Admissions;

  constructor(seed: SeedDeps, metrics: SupernodeMetrics, options: CoordinatorOptions) {
    const { clock, random, fetch, store, signer } = seed;
    this.supernodeId = supernodeIdOf(signer);
    this.#seed = seed;
    this.#metrics = metrics;
    this.#options = options;
    this.#history = new TaskHistory(store);
    this.#nodes = new NodeRegistry(clock, (node) => {
      this.#tasks.removeNode(node);
      this.#driver.removeHost(node.host);
    });
    this.#driver = new SchedulerDriver(
      { clock, random, world: this.#world() },
      options.uploadBytesPerSecond === 0
        ? {}
        : { seedBytesPerSecond: options.uploadBytesPerSecond },
    );
    const onProbe = (): void => metrics.originProbe();
    this.#admissions = new Admissions({ signer, fetch, clock, calendar: systemCalendar, onProbe });
    const seedSlots = pLimit(options.seedSlots);
    const canRead = (): boolean => isFree(seedSlots);
    this.#tasks = new TaskDirectory({
      seed,
      driver: this.#driver,
      admissions: this.#admissions,
      resolver: new UrlResolver({ fetch, clock, random, onProbe, canRead }, store.list()),
      seedSlots,
      partSlots: new PartSlots(PART_READS_MAX, PART_READS_OF_NODE_MAX),
      totals: metrics,
      times: options.times,
      onEnded: (summary) => {
        this.#history.add(summary);
        metrics.taskEnded(summary.state === "fetching" ? "left" : summary.state);
      },
    });
    this.#meter = new SendMeter(clock, (rate) => this.#driver.seedRate(rate));
  }

  get nodeCount(): number {
    return this.#nodes.size;
  }

  get taskCount(): number {
    return this.#tasks.liveCount;
  }

  onNode(introduction: NodeIntroduction, link: NodeLink): ConnectedNode {
    this.#metrics.frameReceived("hello");
    const node = this.#nodes.add(introduction, link);
    this.#driver.addHost(node);
    const { seedUrl, heartbeatMs } = this.#options;
    const { signer, log } = this.#seed;
    link.send({
      kind: "welcome",
      supernodeId: this.supernodeId,
      publicKey: signer.publicKey,
      endorsement: signer.endorse(node.publicKey),
      heartbeatMs,
      ...(seedUrl === undefined ? {} : { seedUrl }),
    });
    log.info({ nodeId: node.nodeId, endpoint: node.endpoint }, "a node connected");
    return node;
  }

  onFrame(node: ConnectedNode, frame: NodeFrame): void {
    this.#metrics.frameReceived(frame.kind);
    if (this.#nodes.get(node.host) !== node) return;
    if (frame.kind === "hello") throw new FrameError("a second hello");
    this.#tasks.handle(node, frame, (nodeId) => this.#nodes.find(nodeId)?.host);
  }

  onGone(node: ConnectedNode): void {
    this.#nodes.remove(node);
    this.#seed.log.info({ nodeId: node.nodeId }, "a node is gone");
  }

  onFrameSent(kind: SupernodeFrame["kind"]): void {
    this.#metrics.frameSent(kind);
  }

  onGarbage(): void {
    this.#metrics.garbageFrame();
  }

  /** A piece of the seed was asked for, and the answer is over. */
  onPieceSent({ taskId, pieceIndex, nodeId, sentBytes }: PieceSent): void {
    this.#metrics.seedPiece(sentBytes);
    this.#meter.sent(sentBytes);
    const task = this.#tasks.get(taskId);
    if (!task) return;
    task.figures.seedBytes(sentBytes);
    const node = nodeId === undefined ? undefined : this.#nodes.find(nodeId);
    // A request that was refused says nothing about an offer.
    if (node && sentBytes > 0) this.#driver.offerEnded(task.number, node.host, pieceIndex);
  }

  /** Whether a request for a piece may be answered; see Admissions. */
  isAdmitted(taskId: TaskId, nodeId: string | undefined, admission: string | undefined): boolean {
    return this.#admissions.isAdmitted(taskId, nodeId, admission);
  }

  /** Every task: live ones, then those that are only stored or ended not long ago. */
  tasks(): readonly TaskSummary[] {
    const live = [...this.#tasks.live].map(({ summary }) => this.#history.withEarlier(summary));
    return [...live, ...this.#history.list(new Set(live.map(({ taskId }) => taskId as TaskId)))];
  }

  task(taskId: string): TaskSummary | undefined {
    const live = this.#tasks.get(taskId as TaskId);
    if (live) return this.#history.withEarlier(live.summary);
    return this.#history.list(new Set()).find((summary) => summary.taskId === taskId);
  }

  peers(): readonly PeerSummary[] {
    const nowMs = this.#seed.clock.nowMs();
    return [...this.#nodes].map(({ nodeId, endpoint, zone, software, host, connectedAtMs }) => ({
      nodeId,
      endpoint,
      zone,
      software,
      tasks: this.#tasks.joinCount(host),
      connectedMs: Math.round(nowMs - connectedAtMs),
    }));
  }

  /** Ends every task; resolves when nothing is read or written any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tasks.close();
    this.#driver[Symbol.dispose]();
  }

  #world() {
    return {
      node: (host: number) => this.#nodes.get(host),
      nodes: () => this.#nodes,
      taskNumber: (host: number, task: number) => this.#tasks.taskNumber(host, task),
    };
  }
}

function supernodeIdOf({ publicKey }: Signer): string {
  return createHash("sha256").update(publicKey).digest("hex").slice(0, 32);
}
