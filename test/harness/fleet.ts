import { mkdir } from "node:fs/promises";
import { startProgram } from "./darter-programs.ts";
import type { ChildProcess } from "./child-process.ts";
import { originUse, receivedBytes, type OriginUse, type ReceivedBytes } from "./fleet-metrics.ts";
import { freePort } from "./free-port.ts";
import type { Host } from "./network.ts";
import { TemporaryDirectory } from "./temporary-directory.ts";

export interface FleetOptions {
  /** What each node runs: `registry-proxy`, or `dfget daemon`. */
  readonly nodeProgram: "registry-proxy" | "dfget";
  readonly nodeCount: number;
  /** Where the supernode and the nodes run; all are on loopback when left out. */
  readonly placement?: { readonly supernode: Host; readonly nodes: readonly Host[] };
  /** Upstream registries of the proxies; the first is the default. */
  readonly upstreams?: readonly string[];
  /** Origins that all may ask although their addresses are private. */
  readonly allowOrigins: readonly string[];
  /** Whether what `npm run build` made is run, and not the sources. */
  readonly isBuilt?: boolean;
  readonly nodeArgs?: readonly string[];
  /** Further arguments of one node, by its index. */
  readonly argsOfNode?: (index: number) => readonly string[];
  readonly supernodeArgs?: readonly string[];
  /** Added to the environment of every process. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long each process may take to say that it is ready; 20 seconds when left out. */
  readonly readyTimeoutMs?: number;
  /** Ends the starting, and what has been started. */
  readonly signal?: AbortSignal;
}

/** A running node. */
export interface FleetNode {
  readonly index: number;
  readonly process: ChildProcess;
  /** The network namespace to run its clients in; undefined on loopback. */
  readonly networkNamespace: string | undefined;
  /** Pieces and metrics; reachable from the test. */
  readonly peerUrl: string;
  /** `address:port` of the mirror, for clients on the same host. */
  readonly mirrorAuthority: string;
  readonly mirrorUrl: string;
  readonly socketPath: string;
  readonly dataDirectory: string;
  /** A directory of the node's user, for downloads. */
  readonly homeDirectory: string;
}

const SUPERNODE_PORT = 8002;
const MIRROR_PORT = 65_001;
const PEER_PORT = 65_002;

/** A supernode and nodes of real processes; all are stopped, and their directories removed, when disposed. */
export class Fleet implements AsyncDisposable {
  readonly supernode: ChildProcess;
  readonly supernodeUrl: string;
  readonly supernodeDirectory: string;
  readonly nodes: readonly FleetNode[];
  readonly #resources: AsyncDisposableStack;

  /** Use `startFleet`. */
  constructor(parts: FleetParts, resources: AsyncDisposableStack) {
    this.supernode = parts.supernode;
    this.supernodeUrl = parts.supernodeUrl;
    this.supernodeDirectory = parts.supernodeDirectory;
    this.nodes = parts.nodes;
    this.#resources = resources;
  }

  /** The node with this index; an error when there is none. */
  node(index: number): FleetNode {
    const node = this.nodes[index];
    if (node === undefined)
      throw new Error(`the fleet has ${this.nodes.length} nodes, no ${index}`);
    return node;
  }

  /** What each node has received so far, by source. */
  async received(): Promise<readonly ReceivedBytes[]> {
    return await Promise.all(this.nodes.map((node) => receivedBytes(node.peerUrl)));
  }

  /** What the supernode has asked of origins so far. */
  async originUse(): Promise<OriginUse> {
    return await originUse(this.supernodeUrl);
  }

  /** The end of the output of all processes, for messages. */
  lastWords(): string {
    const processes = [this.supernode, ...this.nodes.map((node) => node.process)];
    return processes.map((process) => process.lastWords()).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

interface FleetParts {
  readonly supernode: ChildProcess;
  readonly supernodeUrl: string;
  readonly supernodeDirectory: string;
  readonly nodes: readonly FleetNode[];
}

/** Starts a supernode, then all nodes at once, and returns when each has said that it is ready. */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  await using resources = new AsyncDisposableStack();
  const directory = resources.use(await TemporaryDirectory.create("fleet"));
  const supernodeDirectory = directory.join("supernode");
  const host = options.placement?.supernode;
  const port = host === undefined ? await freePort() : SUPERNODE_PORT;
  const supernodeUrl = `http://${host?.address ?? "127.0.0.1"}:${port}`;
  const supernode = await startProgram("supernode", {
    args: [
      "--listen",
      `${host?.address ?? "127.0.0.1"}:${port}`,
      "--data-dir",
      supernodeDirectory,
      ...allowed(options),
      ...(options.supernodeArgs ?? []),
    ],
    networkNamespace: host?.networkNamespace,
    ...(options.env && { env: options.env }),
    isBuilt: options.isBuilt,
    readyTimeoutMs: options.readyTimeoutMs,
    signal: options.signal,
  });
  resources.use(supernode);
  const starts = Array.from({ length: options.nodeCount }, (_, index) =>
    startNode(options, index, supernodeUrl, directory.join(`node-${index}`)),
  );
  // A node that did start must be stopped also when another one did not.
  const outcomes = await Promise.allSettled(starts);
  for (const outcome of outcomes) {
    if (outcome.status === "fulfilled") resources.use(outcome.value.process);
  }
  const nodes = await Promise.all(starts);
  return new Fleet({ supernode, supernodeUrl, supernodeDirectory, nodes }, resources.move());
}

async function startNode(
  options: FleetOptions,
  index: number,
  supernodeUrl: string,
  directory: string,
): Promise<FleetNode> {
  const host = options.placement?.nodes[index];
  const address = host?.address ?? "127.0.0.1";
  const peerAuthority = `${address}:${host === undefined ? await freePort() : PEER_PORT}`;
  const mirrorAuthority = `127.0.0.1:${host === undefined ? await freePort() : MIRROR_PORT}`;
  const homeDirectory = `${directory}/home`;
  const dataDirectory = `${directory}/data`;
  const socketPath = `${directory}/dfget.sock`;
  await mkdir(homeDirectory, { recursive: true });
  const common = [
    "--supernode",
    supernodeUrl,
    "--data-dir",
    dataDirectory,
    "--socket",
    socketPath,
    ...allowed(options),
  ];
  const places =
    options.nodeProgram === "dfget"
      ? ["daemon", "--listen", peerAuthority]
      : ["--listen", mirrorAuthority, "--peer-listen", peerAuthority];
  const upstreams = (options.upstreams ?? []).flatMap((url) => ["--upstream", url]);
  const process = await startProgram(options.nodeProgram, {
    name: `${options.nodeProgram} ${index}`,
    args: [
      ...places,
      "--advertise",
      peerAuthority,
      ...common,
      ...upstreams,
      ...(options.nodeArgs ?? []),
      ...(options.argsOfNode?.(index) ?? []),
    ],
    networkNamespace: host?.networkNamespace,
    ...(options.env && { env: options.env }),
    isBuilt: options.isBuilt,
    readyTimeoutMs: options.readyTimeoutMs,
    signal: options.signal,
  });
  return {
    index,
    process,
    networkNamespace: host?.networkNamespace,
    peerUrl: `http://${peerAuthority}`,
    mirrorAuthority,
    mirrorUrl: `http://${mirrorAuthority}`,
    socketPath,
    dataDirectory,
    homeDirectory,
  };
}

function allowed(options: FleetOptions): readonly string[] {
  return options.allowOrigins.flatMap((pattern) => ["--allow-origin", pattern]);
}
