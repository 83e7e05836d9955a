import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import { REGISTRY_FAULTS, type FaultCase } from "../fixtures/registry-faults.ts";
import { clientTable, formattedClientsPart, readClientsPart } from "../harness/client-table.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { FaultyRegistry } from "../harness/faulty-registry.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { Network } from "../harness/network.ts";
import { startRuntimeClients, type RuntimeClient } from "../harness/runtime-client.ts";

/** How long a pull that cannot succeed may take. */
const FAILURE_MS_MAX = 10_000;

type FaultOfAll = Pick<FaultCase, "fault" | "layerLengthBytes" | "except">;

interface Result {
  readonly outcome: FaultCase["outcome"] | "not tried";
  readonly durationMs: number;
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
    "ip",
    "tc",
    "nsenter",
  ],
  "every client, with a fault behind the mirror",
  () => {
    const resources = new AsyncDisposableStack();
    const rows: string[] = [];
    let registry: FaultyRegistry;
    let fleet: Fleet;
    let clients: readonly RuntimeClient[];

    beforeAll(async () => {
      const network = resources.use(await Network.create({ hostCount: 2 }));
      registry = resources.use(await FaultyRegistry.start(network.ownAddress));
      fleet = await startFleet({
        nodeProgram: "registry-proxy",
        nodeCount: 1,
        placement: { supernode: network.host(0), nodes: [network.host(1)] },
        upstreams: [registry.url],
        allowOrigins: [registry.authority],
      });
      resources.use(fleet);
      clients = await startRuntimeClients(network.host(1), registry.authority, resources);
    });

    afterAll(() => resources.disposeAsync());

    const pullByAll = async (id: string, { fault, layerLengthBytes, except }: FaultOfAll) =>
      await Promise.all(
        clients.map(async ({ name, pull }): Promise<Result> => {
          if (name === except) return { outcome: "not tried", durationMs: 0 };
          const repository = `${id}/${name.toLowerCase()}`;
          await registry.add(repository, fault, layerLengthBytes);
          const began = performance.now();
          const outcome = await pull(repository).then(
            () => "pulled" as const,
            () => "refused" as const,
          );
          return { outcome, durationMs: performance.now() - began };
        }),
      );

    const expectOutcome = (
      name: string,
      results: readonly Result[],
      outcome: FaultCase["outcome"],
    ): void => {
      rows.push(`| ${name} | ${results.map((result) => result.outcome).join(" | ")} |`);
      const tried = results.filter((result) => result.outcome !== "not tried");
      expect(tried.map((result) => result.outcome)).toEqual(tried.map(() => outcome));
      if (outcome === "pulled") return;
      for (const { durationMs } of tried) expect(durationMs).toBeLessThan(FAILURE_MS_MAX);
    };

    it.each(REGISTRY_FAULTS.map((each, index) => [each.name, each, index] as const))(
      "%s",
      async (name, each, index) => {
        onTestFailed(() => console.error(fleet.lastWords()));
        expectOutcome(name, await pullByAll(`fault-${index}`, each), each.outcome);
      },
    );

    it("is told by the page about clients", async () => {
      const text = [
        "# Clients and faults",
        "<!-- Made by `UPDATE_CLIENTS=1 npx vitest run --project e2e test/e2e/faults-behind.test.ts`. -->",
        "What each client sees when its registry misbehaves behind the mirror, as a test finds it with containerd 1.6 (`ctr` and CRI), Docker 20.10, podman 4.3, buildah 1.28 and skopeo 1.9. No client can go round the mirror in this test. A pull that cannot succeed ends within 10 seconds; `not tried` stands where Docker, which has got bytes of a layer, asks for the rest for up to 76 seconds before it gives up. [Runtimes](../operating/runtimes.md) says how each is set up.",
        clientTable("fault of the registry", rows),
      ].join("\n\n");
      const part = await formattedClientsPart("registry", text);
      expect(await readClientsPart("registry")).toBe(part);
    });
  },
);
