import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../platform/clock.ts";
import { silentLog } from "../platform/log.ts";
import type { PeerList, TaskList } from "../protocol/rest.ts";
import type { SupernodeConfig } from "./config.ts";
import { ScriptedNode } from "./scripted-node.ts";
import type { Supernode, SupernodeTuning } from "./supernode.ts";
import { startSupernode } from "./supernode.ts";

/** A supernode for tests, in this process, on a free port of loopback, with a data directory of its own. */
export class ScriptedSupernode implements AsyncDisposable {
  readonly #config: SupernodeConfig;
  readonly #tuning: SupernodeTuning;
  readonly #nodes: ScriptedNode[] = [];
  #running: Supernode | undefined;

  private constructor(config: SupernodeConfig, tuning: SupernodeTuning) {
    this.#config = config;
    this.#tuning = tuning;
  }

  static async start(
    config: Partial<SupernodeConfig> = {},
    tuning: SupernodeTuning = {},
  ): Promise<ScriptedSupernode> {
    const supernode = new ScriptedSupernode(
      {
        listen: "127.0.0.1:0",
        dataDir: await mkdtemp(join(tmpdir(), "darter-supernode-")),
        diskQuota: 0,
        uploadRate: 0,
        uploadSlots: 64,
        seedSlots: 64,
        allowOrigin: ["127.0.0.1"],
        heartbeat: 60_000,
        logLevel: "silent",
        ...config,
      },
      { origin: { answerBackoffMs: 1, connectionBackoffMs: 1 }, ...tuning },
    );
    await supernode.restart();
    return supernode;
  }

  /** Where it listens; another port after each start. */
  get authority(): string {
    return `127.0.0.1:${this.port}`;
  }

  get dataDir(): string {
    return this.#config.dataDir;
  }

  get port(): number {
    return this.#running!.endpoint.port;
  }

  /** A new node, connected and introduced; disposed when the supernode stops. */
  async node(options: Parameters<typeof ScriptedNode.connect>[1] = {}): Promise<ScriptedNode> {
    const node = await ScriptedNode.connect(this.authority, options);
    this.#nodes.push(node);
    return node;
  }

  /** Disconnects the nodes, stops if it runs, and starts on the same data. */
  async restart(): Promise<void> {
    for (const node of this.#nodes.splice(0)) await node[Symbol.asyncDispose]();
    await this.stop();
    const deps = { log: silentLog, clock: systemClock, random: () => 0.5 };
    this.#running = await startSupernode(this.#config, deps, this.#tuning);
  }

  /** Stops as on SIGTERM. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.[Symbol.asyncDispose]();
  }

  async get(path: string, init?: RequestInit): Promise<Response> {
    return await fetch(`http://${this.authority}${path}`, init);
  }

  async metrics(): Promise<string> {
    return await (await this.get("/metrics")).text();
  }

  async tasks(): Promise<TaskList["tasks"]> {
    return ((await (await this.get("/api/v1/tasks")).json()) as TaskList).tasks;
  }

  async peers(): Promise<PeerList["peers"]> {
    return ((await (await this.get("/api/v1/peers")).json()) as PeerList).peers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.#nodes.splice(0)) await node[Symbol.asyncDispose]();
    await this.stop();
    await rm(this.#config.dataDir, { recursive: true, force: true });
  }
}
