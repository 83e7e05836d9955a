import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import {
  bareRow,
  clientTable,
  formattedClientsPart,
  readClientsPart,
} from "../harness/client-table.ts";
import { curl } from "../harness/curl.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { FaultyRegistry } from "../harness/faulty-registry.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { receivedBytes } from "../harness/fleet-metrics.ts";
import { Network } from "../harness/network.ts";
import { PIECE_FAULTS, PieceFaultProxy } from "../harness/piece-fault-proxy.ts";
import { startRuntimeClients, type RuntimeClient } from "../harness/runtime-client.ts";
import { until } from "../harness/until.ts";

const LAYER_LENGTH_BYTES = 2_000_000;
/** How long a pull may take that some source can still serve. */
const PULL_MS_MAX = 45_000;
const HELPER = 0;
const OWN = 1;

/** What is wrong while the clients pull. The order matters: the last ones end programs for good. */
interface SwarmCase {
  readonly name: string;
  /** Tried at every run, and not only when the whole table is made. */
  readonly isSample: boolean;
  /** Makes the fault; `isUnderWay` resolves when pieces come in. */
  readonly begin: (isUnderWay: () => Promise<void>) => Promise<void> | void;
  readonly end?: () => void;
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
    "curl",
    "ip",
    "tc",
    "nsenter",
  ],
  "every client, with a fault of the swarm behind the mirror",
  () => {
    const isWhole = process.env["UPDATE_CLIENTS"] === "1" || process.env["DARTER_FAULTS"] === "all";
    const resources = new AsyncDisposableStack();
    const rows: string[] = [];
    let registry: FaultyRegistry;
    let network: Network;
    let fleet: Fleet;
    let seed: PieceFaultProxy;
    let peer: PieceFaultProxy;
    let clients: readonly RuntimeClient[];

    beforeAll(async () => {
      network = resources.use(await Network.create({ hostCount: 3 }));
      const [first, helper, own] = [network.host(0), network.host(1), network.host(2)];
      // Slow enough for something to happen in the middle.
      await network.shape(own, 40);
      registry = resources.use(await FaultyRegistry.start(network.ownAddress));
      seed = await PieceFaultProxy.start(network.ownAddress, `${first.address}:8002`);
      peer = await PieceFaultProxy.start(network.ownAddress, `${helper.address}:65002`);
      resources.use(seed);
      resources.use(peer);
      fleet = await startFleet({
        nodeProgram: "registry-proxy",
        nodeCount: 2,
        placement: { supernode: first, nodes: [helper, own] },
        upstreams: [registry.url],
        allowOrigins: [registry.authority],
        supernodeArgs: ["--advertise", seed.authority],
        argsOfNode: (index) => (index === HELPER ? ["--advertise", peer.authority] : []),
      });
      resources.use(fleet);
      clients = await startRuntimeClients(own, registry.authority, resources);
    });

    afterAll(async () => {
      // A stopped program does not see that it is to end.
      if (fleet.supernode.isRunning) signal("supernode", "SIGCONT");
      await resources.disposeAsync();
    });

    const signal = (which: "supernode" | "helper", name: NodeJS.Signals): void => {
      const { pid } = which === "supernode" ? fleet.supernode : fleet.node(HELPER).process;
      process.kill(pid, name);
    };

    const inTheMiddle =
      (which: "supernode" | "helper", name: NodeJS.Signals) =>
      async (isUnderWay: () => Promise<void>): Promise<void> => {
        await isUnderWay();
        signal(which, name);
      };

    const cases: readonly SwarmCase[] = [
      { name: "nothing", isSample: false, begin: () => undefined },
      ...PIECE_FAULTS.map((fault) => ({
        name: `seed: ${fault}`,
        isSample: fault === "wrong byte",
        begin: () => seed.spoil(fault),
        end: () => seed.spoil(undefined),
      })),
      ...PIECE_FAULTS.map((fault) => ({
        name: `peer: ${fault}`,
        isSample: fault === "wrong byte",
        begin: () => peer.spoil(fault),
        end: () => peer.spoil(undefined),
      })),
      {
        name: "peer: stopped in the middle",
        isSample: false,
        begin: inTheMiddle("helper", "SIGSTOP"),
        end: () => signal("helper", "SIGCONT"),
      },
      {
        name: "peer: killed in the middle",
        isSample: false,
        begin: inTheMiddle("helper", "SIGKILL"),
      },
      {
        name: "supernode: stopped in the middle",
        isSample: true,
        begin: inTheMiddle("supernode", "SIGSTOP"),
      },
      {
        name: "supernode: stopped before",
        isSample: false,
        begin: () => undefined,
        end: () => signal("supernode", "SIGCONT"),
      },
      {
        name: "supernode: killed in the middle",
        isSample: false,
        begin: inTheMiddle("supernode", "SIGKILL"),
      },
      { name: "supernode: killed before", isSample: false, begin: () => undefined },
    ];

    /** Adds an image, which the helper pulls first where it is to hold it. */
    const prepare = async (repository: string, isHeld: boolean): Promise<void> => {
      const digest = await registry.add(repository, () => false, LAYER_LENGTH_BYTES);
      const { networkNamespace, mirrorUrl, process: helper } = fleet.node(HELPER);
      if (!isHeld || !helper.isRunning || !fleet.supernode.isRunning) return;
      const answer = await curl(`${mirrorUrl}/v2/${repository}/blobs/${digest}`, {
        networkNamespace,
      });
      expect(answer.status).toBe(200);
    };

    it.each(
      cases.filter(({ isSample }) => isSample || isWhole).map((each) => [each.name, each] as const),
    )(
      "%s",
      async (name, { begin, end }) => {
        onTestFailed(() => console.error(fleet.lastWords()));
        const id = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
        const repositoryOf = (client: RuntimeClient): string =>
          `${id}/${client.name.toLowerCase()}`;
        // Where the seed is bad, nobody else has anything; where the supernode hangs, nobody can be told of it.
        const isHeld = !name.startsWith("seed") && name !== "supernode: stopped before";
        for (const client of clients) await prepare(repositoryOf(client), isHeld);
        const { peerUrl } = fleet.node(OWN);
        const before = (await receivedBytes(peerUrl)).total;
        const isUnderWay = async (): Promise<void> =>
          void (await until(async () => (await receivedBytes(peerUrl)).total > before + 1_000_000, {
            what: "pieces to come in",
          }));
        const spoiling = Promise.resolve(begin(isUnderWay));
        const outcomes = await Promise.all(
          clients.map(async (client) => {
            const began = performance.now();
            await client.pull(repositoryOf(client));
            return performance.now() - began;
          }),
        );
        await spoiling;
        const spoiledCount = seed.spoiledCount + peer.spoiledCount;
        end?.();
        const seconds = outcomes.map((durationMs) => (durationMs / 1000).toFixed(0));
        console.log(`${name}: ${seconds.join(" ")} s`);
        rows.push(`| ${name} | ${outcomes.map(() => "pulled").join(" | ")} |`);
        if (/: (?!stopped|killed)/.test(name)) expect(spoiledCount).toBeGreaterThan(0);
        for (const durationMs of outcomes) expect(durationMs).toBeLessThan(PULL_MS_MAX);
      },
      PULL_MS_MAX + 60_000,
    );

    it("is told by the page about clients", async () => {
      const text = [
        "## Faults of the swarm",
        "<!-- Made by `UPDATE_CLIENTS=1 npx vitest run --project e2e test/e2e/swarm-faults.test.ts`. -->",
        "The registry is sound here, and something else is not: the seed that hands out pieces, the other node that has the image already, or the supernode. In the rows of the seed no other node has anything. Every pull ends within 45 seconds. CI tries some of the rows each time, and `DARTER_FAULTS=all` all of them.",
        clientTable("fault", rows),
      ].join("\n\n");
      if (isWhole) {
        const part = await formattedClientsPart("swarm", text);
        expect(await readClientsPart("swarm")).toBe(part);
        return;
      }
      const told = (await readClientsPart("swarm")).split("\n").map(bareRow);
      for (const row of rows) expect(told).toContain(bareRow(row));
    });
  },
);
