import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import { acceptanceImage } from "../fixtures/acceptance-image.ts";
import { blobGets } from "../harness/access-log.ts";
import { Containerd } from "../harness/containerd.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { blobsOf, buildImage, type BuiltImage } from "../harness/image.ts";
import { Network } from "../harness/network.ts";
import { Registry } from "../harness/registry.ts";
import { uploadImage } from "../harness/registry-upload.ts";

const NODE_COUNT = 4;

describeWhere(
  ["namespaces", "containerd", "ctr", "runc", "docker-registry", "ip", "tc", "nsenter"],
  "an image pulled cold by four containerds at once",
  () => {
    const resources = new AsyncDisposableStack();
    let network: Network;
    let image: BuiltImage;
    let registry: Registry;
    let fleet: Fleet;
    let containerds: readonly Containerd[];
    let reference: string;

    const pullEverywhere = async (): Promise<void> => {
      await Promise.all(
        containerds.map((containerd, index) =>
          containerd.pull({ image: reference, mirrorUrl: fleet.node(index).mirrorUrl }),
        ),
      );
    };

    beforeAll(async () => {
      network = resources.use(await Network.create({ hostCount: 2 + NODE_COUNT }));
      const nodeHosts = network.hosts.slice(2);
      image = resources.use(await buildImage(acceptanceImage("image pull", "the image runs")));
      registry = resources.use(await Registry.start({ host: network.host(0) }));
      await uploadImage(image, registry.url, "team/app", "v1");
      reference = `${registry.authority}/team/app:v1`;
      fleet = await startFleet({
        nodeProgram: "registry-proxy",
        nodeCount: NODE_COUNT,
        placement: { supernode: network.host(1), nodes: nodeHosts },
        upstreams: [registry.url],
        allowOrigins: [registry.authority],
      });
      resources.use(fleet);
      containerds = await Promise.all(nodeHosts.map((host) => Containerd.start({ host })));
      for (const containerd of containerds) resources.use(containerd);
      await registry.log.forget();
      await pullEverywhere().catch((error: unknown) => {
        throw new Error(`a pull failed\n${fleet.lastWords()}`, { cause: error });
      });
    });

    afterAll(() => resources.disposeAsync());

    it("leaves exactly the image's content, with the right digests, in each containerd", async () => {
      const expected = [image.index, image.own.manifest, ...blobsOf(image.own)]
        .map((descriptor) => descriptor.digest)
        .sort();
      for (const containerd of containerds) {
        expect((await containerd.contentDigests()).toSorted()).toEqual(expected);
        expect(await containerd.verifyContent()).toEqual(expected);
      }
    });

    it("runs on every node and prints", async () => {
      for (const containerd of containerds) {
        expect((await containerd.run(reference)).trim()).toBe("the image runs");
      }
    });

    it("asks the registry for each blob once, and only from the supernode", async () => {
      const records = await registry.log.records();
      onTestFailed(() => console.error(JSON.stringify(records, undefined, 1), fleet.lastWords()));
      const once = blobsOf(image.own).map((blob): [string, number] => [blob.digest, 1]);
      expect(Object.fromEntries(blobGets(records))).toEqual(Object.fromEntries(once));
      const askers = records
        .filter((record) => record.path.includes("/blobs/"))
        .map((record) => record.remoteAddress);
      expect(new Set(askers)).toEqual(new Set([network.host(1).address]));
    });

    it("takes no byte from the origin at the nodes and more than half of all bytes from peers", async () => {
      onTestFailed(() => console.error(fleet.lastWords()));
      const received = await fleet.received();
      const all = received.reduce((sum, node) => sum + node.total, 0);
      const fromPeers = received.reduce((sum, node) => sum + node.peer, 0);
      const layerBytes = image.own.layers.reduce((sum, layer) => sum + layer.size, 0);
      expect(received.map((node) => node.origin)).toEqual(received.map(() => 0));
      expect(all).toBeGreaterThan(0.99 * NODE_COUNT * layerBytes);
      expect(fromPeers).toBeGreaterThan(all / 2);
    });

    it("makes no blob request anywhere when it is pulled again", async () => {
      await Promise.all(containerds.map((containerd) => containerd.removeImage(reference)));
      const [receivedBefore, originBefore] = [await fleet.received(), await fleet.originUse()];
      await registry.log.forget();
      await pullEverywhere();
      expect(blobGets(await registry.log.records()).size).toBe(0);
      expect(await fleet.received()).toEqual(receivedBefore);
      expect(await fleet.originUse()).toEqual(originBefore);
    });
  },
);
