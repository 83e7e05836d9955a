import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import { smallImage } from "../fixtures/acceptance-image.ts";
import { blobGets } from "../harness/access-log.ts";
import { Containerd } from "../harness/containerd.ts";
import { ContainersClient, type ContainersTool } from "../harness/containers-tools.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { DockerDaemon } from "../harness/docker-daemon.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { blobsOf, buildImage, type BuiltImage, type ImageSpec } from "../harness/image.ts";
import { Network, type Host } from "../harness/network.ts";
import { Registry } from "../harness/registry.ts";
import { uploadImage } from "../harness/registry-upload.ts";

const CLIENTS = ["ctr", "CRI", "dockerd", "podman", "buildah", "skopeo"] as const;
type ClientName = (typeof CLIENTS)[number];

/** A runtime on a node, set up to ask the node's mirror first. */
interface Client extends AsyncDisposable {
  pull(repository: string): Promise<void>;
  remove(repository: string): Promise<void>;
  readonly run?: (repository: string) => Promise<string>;
}

describeWhere(
  [
    "namespaces",
    "containerd",
    "ctr",
    "runc",
    "dockerd",
    "podman",
    "buildah",
    "skopeo",
    "docker-registry",
    "ip",
    "tc",
    "nsenter",
  ],
  "the runtimes of three nodes, each through its own mirror",
  () => {
    const resources = new AsyncDisposableStack();
    let network: Network;
    let registry: Registry;
    let fleet: Fleet;
    const images = new Map<ClientName, BuiltImage>();

    beforeAll(async () => {
      network = resources.use(await Network.create({ hostCount: 5 }));
      registry = resources.use(await Registry.start({ host: network.host(0) }));
      for (const name of CLIENTS) {
        const image = await buildImage(imageFor(name));
        images.set(name, resources.use(image));
        await uploadImage(image, registry.url, `team/${name.toLowerCase()}`, "v1");
      }
      fleet = await startFleet({
        nodeProgram: "registry-proxy",
        nodeCount: 3,
        placement: { supernode: network.host(1), nodes: network.hosts.slice(2) },
        upstreams: [registry.url],
        allowOrigins: [registry.authority],
      });
      resources.use(fleet);
    });

    afterAll(() => resources.disposeAsync());

    it.for(CLIENTS)(
      "%s pulls cold and warm, and the registry sends each blob once",
      async (name) => {
        onTestFailed(() => console.error(fleet.lastWords()));
        const repository = `team/${name.toLowerCase()}`;
        await using clients = new AsyncDisposableStack();
        const all = await Promise.all(
          network.hosts.slice(2).map((host) => startClient(name, host, registry.authority)),
        );
        for (const client of all) clients.use(client);
        await registry.log.forget();
        const before = peersBytes(await fleet.received());
        const [first, ...others] = all;
        await first!.pull(repository);
        await Promise.all(others.map((client) => client.pull(repository)));
        const gets = blobGets(await registry.log.records());
        const blobs = blobsOf(images.get(name)!.own).map(({ digest }) => digest);
        expect(Object.fromEntries(gets)).toEqual(Object.fromEntries(blobs.map((d) => [d, 1])));
        for (const { run } of all)
          if (run) expect((await run(repository)).trim()).toBe(printed(name));
        await Promise.all(all.map((client) => client.remove(repository)));
        await Promise.all(all.map((client) => client.pull(repository)));
        const warm = blobGets(await registry.log.records());
        expect(warm).toEqual(gets);
        const received = await fleet.received();
        expect(received.map(({ origin }) => origin)).toEqual([0, 0, 0]);
        expect(peersBytes(received)).toBeGreaterThan(before);
      },
    );
  },
);

/** What the nodes have got from each other. */
function peersBytes(received: readonly { readonly peer: number }[]): number {
  return received.reduce((sum, { peer }) => sum + peer, 0);
}

/** Docker 20.10 knows no zstd. */
function imageFor(name: ClientName): ImageSpec {
  const { shared } = smallImage(`runtime ${name}`);
  const layers =
    name === "dockerd" ? shared.map((l) => ({ ...l, compression: "gzip" as const })) : shared;
  return { shared: layers, prints: printed(name) };
}

/** Another text for each, so that the images have no layer in common. */
function printed(name: ClientName): string {
  return `the image of ${name} runs`;
}

async function startClient(name: ClientName, host: Host, authority: string): Promise<Client> {
  const mirrorUrl = "http://127.0.0.1:65001";
  switch (name) {
    case "ctr":
    case "CRI": {
      const containerd = await Containerd.start({ host });
      const image = (repository: string): string => `${authority}/${repository}:v1`;
      return {
        pull: async (repository) => {
          const options = { image: image(repository), mirrorUrl };
          await (name === "ctr" ? containerd.pull(options) : containerd.pullByCri(options));
        },
        remove: async (repository) => await containerd.removeImage(image(repository)),
        ...(name === "ctr"
          ? { run: async (repository: string) => await containerd.run(image(repository)) }
          : {}),
        [Symbol.asyncDispose]: async () => await containerd[Symbol.asyncDispose](),
      };
    }
    case "dockerd": {
      const docker = await DockerDaemon.start(host, { "registry-mirrors": [mirrorUrl] });
      return {
        pull: async (repository) => await docker.pull(`${repository}:v1`),
        remove: async (repository) => await docker.removeImage(`${repository}:v1`),
        run: async (repository) => await docker.run(`${repository}:v1`),
        [Symbol.asyncDispose]: async () => await docker[Symbol.asyncDispose](),
      };
    }
    default:
      return await startContainersClient(name, host, authority);
  }
}

async function startContainersClient(
  tool: ContainersTool,
  host: Host,
  authority: string,
): Promise<Client> {
  // These tools take no colon in the path of a mirror.
  const mirror = `127.0.0.1:65001/${authority.replace(":", "_")}`;
  const client = await ContainersClient.create(tool, host, [{ registry: authority, mirror }]);
  const image = (repository: string): string => `${authority}/${repository}:v1`;
  return {
    pull: async (repository) => await client.pull(image(repository)),
    remove: async (repository) => await client.removeImage(image(repository)),
    ...(tool === "podman"
      ? { run: async (repository: string) => await client.run(image(repository)) }
      : {}),
    [Symbol.asyncDispose]: async () => await client[Symbol.asyncDispose](),
  };
}
