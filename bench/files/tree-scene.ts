import { join } from "node:path";

import type { Fleet } from "../../test/harness/fleet.ts";
import { startFleet } from "../../test/harness/fleet.ts";
import { ChildProcess } from "../../test/harness/child-process.ts";
import type { Host } from "../../test/harness/network.ts";
import { Network } from "../../test/harness/network.ts";
import { Nginx } from "../../test/harness/nginx.ts";
import type { FilesBenchOptions } from "./bench-options.ts";

/** Where a tree is fetched: over loopback, over links of hosts, or over such links from an origin that is far away. */
export type TreePlace = "loopback" | "hosts" | "far";

const FAR_PORT = 8080;

/** An origin with trees, and hosts that can fetch them. All is removed at disposal. */
export class TreeScene implements AsyncDisposable {
  readonly nginx: Nginx;
  readonly #authority: string;
  readonly #network: Network | undefined;
  readonly #resources: AsyncDisposableStack;

  private constructor(
    parts: { nginx: Nginx; authority: string; network: Network | undefined },
    resources: AsyncDisposableStack,
  ) {
    this.nginx = parts.nginx;
    this.#authority = parts.authority;
    this.#network = parts.network;
    this.#resources = resources;
  }

  /** Serves the trees in `directory`. */
  static async create(
    place: TreePlace,
    directory: string,
    options: FilesBenchOptions,
  ): Promise<TreeScene> {
    await using resources = new AsyncDisposableStack();
    const network =
      place === "loopback"
        ? undefined
        : resources.use(
            await Network.create({
              hostCount: 2 + options.nodeCount,
              rateMbitPerSecond: () => options.linkMbit,
              queueMs: 10,
            }),
          );
    const host = network?.host(0);
    const nginx = resources.use(
      await Nginx.start({ directory, hasListings: true, ...(host && { host }) }),
    );
    let { authority } = nginx;
    if (place === "far" && host) {
      resources.use(await startFarOrigin(host, options.roundTripMs));
      authority = `${host.address}:${FAR_PORT}`;
    }
    return new TreeScene({ nginx, authority, network }, resources.move());
  }

  /** What clients reach a tree by. */
  urlOf(name: string): string {
    return `http://${this.#authority}/${name}/`;
  }

  /** The host that a node runs on; undefined on loopback. */
  nodeHost(index: number): Host | undefined {
    return this.#network?.host(2 + index);
  }

  /** A supernode and nodes that have nothing yet. */
  async startFleet(nodeCount: number, signal: AbortSignal): Promise<Fleet> {
    const network = this.#network;
    return await startFleet({
      nodeProgram: "dfget",
      nodeCount,
      isBuilt: true,
      ...(network && {
        placement: { supernode: network.host(1), nodes: network.hosts.slice(2) },
      }),
      allowOrigins: [this.#authority],
      signal,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

async function startFarOrigin(
  { address, networkNamespace }: Host,
  delayMs: number,
): Promise<ChildProcess> {
  const child = await ChildProcess.start({
    name: "far origin",
    command: process.execPath,
    args: [join(import.meta.dirname, "far-origin.ts"), address, FAR_PORT, address, 80, delayMs].map(
      String,
    ),
    networkNamespace,
  });
  try {
    await child.waitForLine((line) => line === "ready", {
      what: "that it listens",
      timeoutMs: 10_000,
    });
  } catch (error) {
    await child.killHard();
    throw error;
  }
  return child;
}
