import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import type { ChildProcess } from "../harness/child-process.ts";
import { beginProgram } from "../harness/darter-programs.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { receivedBytes } from "../harness/fleet-metrics.ts";
import { Network } from "../harness/network.ts";
import { Nginx } from "../harness/nginx.ts";
import { fileDigest, writeSeededFile } from "../harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";
import { until } from "../harness/until.ts";

const NODE_COUNT = 8;
const FILE_BYTES = 128_000_000;
const LINK_MBIT_PER_SECOND = 200;
/** Headers, acknowledgements and a few pieces in flight twice; a tenth of the file twice would exceed it. */
const LINK_OVERHEAD = 1.1;

describeWhere(
  ["namespaces", "nginx", "ip", "tc", "nsenter"],
  "eight dfget at once on eight hosts",
  () => {
    const resources = new AsyncDisposableStack();
    let files: TemporaryDirectory;
    let digest: string;

    beforeAll(async () => {
      files = resources.use(await TemporaryDirectory.create("files"));
      digest = await writeSeededFile(files.join("big.bin"), "file download", FILE_BYTES);
    });

    afterAll(() => resources.disposeAsync());

    it("bring eight identical files for one request at the origin", async () => {
      await using scene = await Scene.set(files);
      const exits = await Promise.all(scene.downloads.map((download) => download.exited));
      expect(exits.map((exit) => exit.code)).toEqual(Array(NODE_COUNT).fill(0));
      expect(await scene.fileDigests()).toEqual(Array(NODE_COUNT).fill(digest));
      const gets = (await scene.nginx.log.records()).filter((record) => record.method === "GET");
      expect(gets.map((record) => record.bytes)).toEqual([FILE_BYTES]);
      for (const received of await scene.fleet.received()) expect(received.total).toBe(FILE_BYTES);
    });

    it("bring seven identical files when one node is killed half-way", async () => {
      await using scene = await Scene.set(files);
      const victim = 3;
      await scene.untilReceived(victim, FILE_BYTES / 2);
      await Promise.all([
        scene.fleet.node(victim).process.killHard(),
        scene.downloads[victim]?.killHard(),
      ]);
      const others = scene.downloads.filter((_, index) => index !== victim);
      const exits = await Promise.all(others.map((download) => download.exited));
      expect(exits.map((exit) => exit.code)).toEqual(Array(NODE_COUNT - 1).fill(0));
      const digests = await scene.fileDigests();
      expect(digests.toSpliced(victim, 1)).toEqual(Array(NODE_COUNT - 1).fill(digest));
      const gets = (await scene.nginx.log.records()).filter((record) => record.method === "GET");
      expect(gets).toHaveLength(1);
    });

    it("bring eight identical files when the supernode is killed half-way, for good", async () => {
      await using scene = await Scene.set(files);
      await scene.untilReceivedTogether((NODE_COUNT * FILE_BYTES) / 2);
      await scene.fleet.supernode.killHard();
      const exits = await Promise.all(scene.downloads.map((download) => download.exited));
      expect(exits.map((exit) => exit.code)).toEqual(Array(NODE_COUNT).fill(0));
      expect(await scene.fileDigests()).toEqual(Array(NODE_COUNT).fill(digest));
      for (const received of await scene.fleet.received()) expect(received.total).toBe(FILE_BYTES);
      for (const bytes of await scene.linkBytesReceived()) {
        expect(bytes).toBeLessThan(LINK_OVERHEAD * FILE_BYTES);
      }
      expect(await scene.originBytesSent()).toBeLessThanOrEqual(2 * FILE_BYTES);
    });
  },
);

/** Hosts, an nginx, a fleet, and a download of the big file begun on every node. */
class Scene implements AsyncDisposable {
  readonly network: Network;
  readonly nginx: Nginx;
  readonly fleet: Fleet;
  readonly downloads: readonly ChildProcess[];
  readonly #resources: AsyncDisposableStack;

  private constructor(
    parts: { network: Network; nginx: Nginx; fleet: Fleet; downloads: readonly ChildProcess[] },
    resources: AsyncDisposableStack,
  ) {
    this.network = parts.network;
    this.nginx = parts.nginx;
    this.fleet = parts.fleet;
    this.downloads = parts.downloads;
    this.#resources = resources;
  }

  static async set(files: TemporaryDirectory): Promise<Scene> {
    await using resources = new AsyncDisposableStack();
    const network = await Network.create({
      hostCount: 2 + NODE_COUNT,
      rateMbitPerSecond: () => LINK_MBIT_PER_SECOND,
    });
    resources.use(network);
    const nginx = await Nginx.start({ directory: files.path, host: network.host(0) });
    resources.use(nginx);
    const fleet = await startFleet({
      nodeProgram: "dfget",
      nodeCount: NODE_COUNT,
      placement: { supernode: network.host(1), nodes: network.hosts.slice(2) },
      allowOrigins: [nginx.authority],
    });
    resources.use(fleet);
    const downloads = await Promise.all(
      fleet.nodes.map((node) =>
        beginProgram("dfget", {
          name: `download ${node.index}`,
          args: [
            `${nginx.url}/big.bin`,
            "-o",
            `${node.homeDirectory}/big.bin`,
            "--socket",
            node.socketPath,
            "--quiet",
          ],
          networkNamespace: node.networkNamespace,
        }),
      ),
    );
    for (const download of downloads) resources.use(download);
    onTestFailed(() => {
      const words = downloads.map((download) => download.lastWords());
      console.error([fleet.lastWords(), ...words].join("\n"));
    });
    return new Scene({ network, nginx, fleet, downloads }, resources.move());
  }

  /** Waits until one node has so many bytes of pieces. */
  async untilReceived(index: number, bytes: number): Promise<void> {
    const { peerUrl } = this.fleet.node(index);
    await until(async () => (await receivedBytes(peerUrl)).total >= bytes, {
      what: `node ${index} to receive ${bytes} bytes`,
      timeoutMs: 90_000,
    });
  }

  /** Waits until all nodes together have so many bytes of pieces. */
  async untilReceivedTogether(bytes: number): Promise<void> {
    await until(
      async () => (await this.fleet.received()).reduce((sum, each) => sum + each.total, 0) >= bytes,
      { what: `all nodes to receive ${bytes} bytes together`, timeoutMs: 90_000 },
    );
  }

  /** The digest of each node's file, or why there is none. */
  async fileDigests(): Promise<readonly string[]> {
    return await Promise.all(
      this.fleet.nodes.map((node) =>
        fileDigest(`${node.homeDirectory}/big.bin`).catch((error: unknown) => String(error)),
      ),
    );
  }

  async linkBytesReceived(): Promise<readonly number[]> {
    const hosts = this.network.hosts.slice(2);
    const counts = await Promise.all(hosts.map((host) => this.network.linkBytes(host)));
    return counts.map((count) => count.received);
  }

  /** Bytes of bodies that nginx has sent, counting answers that were cut. */
  async originBytesSent(): Promise<number> {
    return (await this.nginx.log.records()).reduce((sum, record) => sum + record.bytes, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}
