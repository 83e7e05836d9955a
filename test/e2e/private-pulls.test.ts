import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import { scopeOf } from "../../platform/origin/registry-content.ts";
import { Containerd } from "../harness/containerd.ts";
import { ContainersClient } from "../harness/containers-tools.ts";
import { curl } from "../harness/curl.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { DockerDaemon } from "../harness/docker-daemon.ts";
import { startFleet, type Fleet, type FleetNode } from "../harness/fleet.ts";
import { buildImage, type BuiltImage } from "../harness/image.ts";
import type { LayerSpec } from "../harness/image-layer.ts";
import { basicHeader, type Login } from "../harness/login.ts";
import { Network, type Host } from "../harness/network.ts";
import { Registry } from "../harness/registry.ts";
import { uploadImage } from "../harness/registry-upload.ts";
import { findSecrets } from "../harness/secret-scan.ts";
import { TokenServer } from "../harness/token-server.ts";
import { until } from "../harness/until.ts";

const CLIENTS = ["ctr", "CRI", "dockerd", "podman"] as const;
type ClientName = (typeof CLIENTS)[number];

const alice = { user: "alice", password: "alices-own-password-4711", repositories: [] as string[] };
const bob = { user: "bob", password: "bobs-own-password-0815", repositories: [] as string[] };
const carol = { user: "carol", password: "carols-own-password-1234", repositories: ["team/other"] };
const WRONG = { user: "alice", password: "a-wrong-password-2345" };
const REFUSED = [
  ["B", bob] as const,
  ["a wrong password", WRONG] as const,
  ["nobody", undefined] as const,
];

type Puller = (login: Login | undefined) => Promise<void>;

describeWhere(
  [
    "namespaces",
    "containerd",
    "ctr",
    "runc",
    "dockerd",
    "podman",
    "docker-registry",
    "ip",
    "tc",
    "nsenter",
    "curl",
    "openssl",
    "htpasswd",
  ],
  "private images",
  () => {
    const resources = new AsyncDisposableStack();
    let network: Network;
    let tokens: TokenServer;
    let registry: Registry;
    let passwords: Registry;
    let fleet: Fleet;
    const images = new Map<ClientName, BuiltImage>();

    beforeAll(async () => {
      network = resources.use(await Network.create({ hostCount: 5 }));
      tokens = resources.use(await TokenServer.start(network.ownAddress, [alice, bob, carol]));
      const auth = { tokens: tokens.trust };
      registry = resources.use(await Registry.start({ host: network.host(0), auth }));
      const users = { passwords: { [alice.user]: alice.password } };
      passwords = resources.use(await Registry.start({ host: network.host(1), auth: users }));
      for (const name of CLIENTS) {
        const image = resources.use(await buildImage({ shared: layersOf(name) }));
        images.set(name, image);
        const repository = `team/${name.toLowerCase()}`;
        await upload(image, repository);
        const login = { authorization: basicHeader(alice) };
        await uploadImage(image, passwords.url, repository, "v1", login);
        alice.repositories.push(`team/${name.toLowerCase()}`);
      }
      await upload(images.get("ctr")!, "team/other");
      await upload(images.get("ctr")!, "open/app");
      fleet = await startFleet({
        nodeProgram: "registry-proxy",
        nodeCount: 3,
        placement: { supernode: network.host(1), nodes: network.hosts.slice(2) },
        upstreams: [registry.url, passwords.url],
        allowOrigins: [registry.authority, passwords.authority],
        nodeArgs: ["--verdict-life", "1s", "--log-level", "debug"],
        supernodeArgs: ["--log-level", "debug"],
      });
      resources.use(fleet);
    });

    afterAll(() => resources.disposeAsync());

    const upload = async (image: BuiltImage, repository: string): Promise<void> => {
      const authorization = `Bearer ${tokens.token(repository, ["pull", "push"])}`;
      await uploadImage(image, registry.url, repository, "v1", { authorization });
    };

    it.for(CLIENTS)(
      "come by %s to A and not to B, on the node that has them and on another",
      async (name) => {
        onTestFailed(() => console.error(fleet.lastWords()));
        await using clients = new AsyncDisposableStack();
        const pullers = await Promise.all(
          network.hosts
            .slice(2, 4)
            .map((host) => startPuller(name, host, registry.authority, clients)),
        );
        for (const pull of pullers) await expect(pull(bob)).rejects.toThrow(/./);
        await pullers[0]!(alice);
        for (const pull of pullers) {
          for (const [, login] of REFUSED) await expect(pull(login)).rejects.toThrow(/./);
        }
        await pullers[1]!(alice);
        const received = await fleet.received();
        expect(received.slice(0, 2).map(({ origin }) => origin)).toEqual([0, 0]);
        expect(received[1]!.total).toBeGreaterThan(0);
      },
    );

    const layer = () => images.get("ctr")!.own.layers[0]!;
    const ask = async (node: FleetNode, repository: string, authorization?: string) => {
      const url = `${node.mirrorUrl}/v2/${repository}/blobs/${layer().digest}`;
      const header = authorization === undefined ? [] : ["-H", `Authorization: ${authorization}`];
      return await curl(url, { args: header, networkNamespace: node.networkNamespace });
    };

    it("give no byte of a layer for any credential that the registry does not give it for", async () => {
      const may = tokens.token("team/ctr", ["pull"]);
      const elsewhere = tokens.token("team/other", ["pull"]);
      // The registry allows for clocks that differ by a minute.
      tokens.lifeSeconds = -120;
      const over = tokens.token("team/ctr", ["pull"]);
      tokens.lifeSeconds = 300;
      for (const node of fleet.nodes) {
        const given = await ask(node, "team/ctr", `Bearer ${may}`);
        expect([given.status, given.body.length]).toEqual([200, layer().size]);
        for (const authorization of [
          undefined,
          basicHeader(bob),
          basicHeader(WRONG),
          `Bearer ${over}`,
          `Bearer ${elsewhere}`,
          `Bearer ${tokens.token("team/ctr", [])}`,
          `Bearer ${may.slice(0, -8)}AAAAAAAA`,
          "Bearer darter.AAAA",
          "Bearer nonsense",
        ]) {
          const refused = await ask(node, "team/ctr", authorization);
          expect([authorization, refused.status]).toEqual([authorization, 401]);
          expect(refused.body.length).toBeLessThan(1000);
        }
        const granted = await ask(node, "team/other", `Bearer ${elsewhere}`);
        expect([granted.status, granted.body.length]).toEqual([200, layer().size]);
      }
    });

    it("are given in parts to A only, too, of a layer that the node does not have", async () => {
      const { digest } = images.get("podman")!.own.layers[0]!;
      const node = fleet.node(2);
      const part = async (repository: string, login: Login | undefined, range: string) => {
        const url = `${node.mirrorUrl}/v2/team/${repository}/blobs/${digest}`;
        const header = login ? ["-H", `Authorization: ${basicHeader(login)}`] : [];
        const args = [...header, "-r", range];
        return await curl(url, { args, networkNamespace: node.networkNamespace });
      };
      const given = await part("podman", alice, "1000000-1000099");
      expect([given.status, given.body.length]).toEqual([206, 100]);
      for (const login of [bob, WRONG, carol, undefined]) {
        const refused = await part("podman", login, "1000000-1000099");
        expect([login?.user, refused.status]).toEqual([login?.user, 401]);
      }
      const piece = `/pieces/${digest}@${scopeOf(registry.url)}/3`;
      for (const base of [fleet.supernodeUrl, node.peerUrl]) {
        expect((await fetch(base + piece)).status).toBe(403);
      }
    });

    it("are handed out neither at a node's port for pieces nor at the supernode", async () => {
      const { digest } = layer();
      const scoped = `${digest}@${scopeOf(registry.url)}`;
      for (const base of [fleet.supernodeUrl, ...fleet.nodes.map(({ peerUrl }) => peerUrl)]) {
        for (const headers of [
          {},
          { "darter-node": "0".repeat(32) },
          { "darter-node": "0".repeat(32), "darter-admission": "AQ" },
          { "darter-node": "0".repeat(32), "darter-admission": "A".repeat(103) },
        ]) {
          const scopedAnswer = await fetch(`${base}/pieces/${scoped}/0`, { headers });
          expect([base, scopedAnswer.status]).toEqual([base, 403]);
          const openAnswer = await fetch(`${base}/pieces/${digest}/0`, { headers });
          expect([base, openAnswer.status]).toEqual([base, 404]);
        }
      }
    });

    it("stay private although all their layers are in a public image too", async () => {
      const node = fleet.node(2);
      const open = await ask(node, "open/app");
      expect([open.status, open.body.length]).toEqual([200, layer().size]);
      expect((await ask(node, "open/app", basicHeader(bob))).status).toBe(200);
      const manifest = `${node.mirrorUrl}/v2/team/ctr/manifests/v1`;
      const asked = async (login: Login | undefined): Promise<number> => {
        const args = login ? ["-H", `Authorization: ${basicHeader(login)}`] : [];
        return (await curl(manifest, { args, networkNamespace: node.networkNamespace })).status;
      };
      expect([await asked(undefined), await asked(bob), await asked(carol)]).toEqual([
        401, 401, 401,
      ]);
      expect(await asked(alice)).toBe(200);
    });

    it("are refused when the registry cannot be asked any more", async () => {
      const node = fleet.node(0);
      expect((await ask(node, "team/ctr", basicHeader(alice))).status).toBe(200);
      const token = tokens.token("team/ctr", ["pull"]);
      expect((await ask(node, "team/ctr", `Bearer ${token}`)).status).toBe(200);
      await registry[Symbol.asyncDispose]();
      const isRefused = async (): Promise<boolean> => {
        const answer = await ask(node, "team/ctr", `Bearer ${token}`);
        return answer.status !== 200 && answer.body.length < 1000;
      };
      await until(isRefused, { what: "the verdict to be over" });
    });

    it.for(["ctr", "CRI", "podman"] as const)(
      "come by %s from a registry with passwords to A, until the password is changed",
      async (name) => {
        onTestFailed(() => console.error(fleet.lastWords()));
        await using clients = new AsyncDisposableStack();
        await passwords.setPasswords({ [alice.user]: alice.password, [bob.user]: bob.password });
        const pull = await startPuller(name, network.host(4), passwords.authority, clients);
        for (const login of [WRONG, undefined]) await expect(pull(login)).rejects.toThrow(/./);
        await pull(alice);
        await passwords.setPasswords({ [bob.user]: bob.password });
        const isRefused = async (): Promise<boolean> =>
          await pull(alice).then(
            () => false,
            () => true,
          );
        await until(isRefused, { what: "the old password to be refused" });
      },
    );

    it("leave no credential in a log, an argument, a metric, an answer or a file", async () => {
      expect(tokens.issued.size).toBeGreaterThan(4);
      const passwords = [alice, bob, carol, WRONG].map(({ password }) => password);
      const pairs = [alice, bob, carol, WRONG].map(({ user, password }) => `${user}:${password}`);
      expect(await findSecrets(fleet, [...passwords, ...pairs, ...tokens.issued])).toEqual([]);
      // The scan finds what is there.
      expect(await findSecrets(fleet, ["supernode_nodes"])).not.toEqual([]);
    });
  },
);

function layersOf(name: string): readonly LayerSpec[] {
  return [3_000_000, 700_000, 2000].map((lengthBytes, index) => ({
    name: `layer-${index}.bin`,
    compression: "gzip",
    content: { seed: `private ${name} ${index}`, lengthBytes },
  }));
}

async function startPuller(
  name: ClientName,
  host: Host,
  authority: string,
  resources: AsyncDisposableStack,
): Promise<Puller> {
  const mirrorUrl = "http://127.0.0.1:65001";
  const repository = `team/${name.toLowerCase()}`;
  const image = `${authority}/${repository}:v1`;
  if (name === "dockerd") {
    const docker = await DockerDaemon.start(host, { "registry-mirrors": [mirrorUrl] });
    resources.use(docker);
    return async (login) => await docker.pull(`${repository}:v1`, login);
  }
  if (name === "podman") {
    const at = `127.0.0.1:65001/${authority.replace(":", "_")}`;
    const registries = [{ registry: authority, mirror: at }];
    const podman = resources.use(await ContainersClient.create("podman", host, registries));
    return async (login) => await podman.pull(image, login && { ...login, at });
  }
  const containerd = resources.use(await Containerd.start({ host }));
  return async (login) => {
    const options = { image, mirrorUrl, ...(login ? { login } : {}) };
    if (name === "ctr") await containerd.pull(options);
    else await containerd.pullByCri(options);
  };
}
