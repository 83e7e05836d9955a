import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import { describeWhere } from "../harness/describe-where.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { buildImage, type BuiltImage } from "../harness/image.ts";
import { Network } from "../harness/network.ts";
import { Registry } from "../harness/registry.ts";
import { uploadImage } from "../harness/registry-upload.ts";
import { mustRun } from "../harness/run-command.ts";
import { until } from "../harness/until.ts";

const NODE_COUNT = 3;
const MB = 1_000_000;
/** How long a pull may take that its supernode deserts; it takes less than 4 s otherwise. */
const PULL_MS_MAX = 30_000;
const LATE_MAX = 4;

describeWhere(
  ["namespaces", "docker-registry", "curl", "ip", "tc", "nsenter"],
  "a pull whose supernode is lost in the middle",
  () => {
    const resources = new AsyncDisposableStack();
    let network: Network;
    let registry: Registry;

    beforeAll(async () => {
      network = resources.use(
        await Network.create({ hostCount: 2 + NODE_COUNT, rateMbitPerSecond: () => 100 }),
      );
      registry = resources.use(await Registry.start({ host: network.host(0) }));
    });

    afterAll(() => resources.disposeAsync());

    const upload = async (
      stack: AsyncDisposableStack,
      repository: string,
      lengths: readonly number[],
    ): Promise<BuiltImage> => {
      const shared = lengths.map((lengthBytes, index) => ({
        name: `layer-${index}`,
        compression: "none" as const,
        content: { seed: `${repository} ${index}`, lengthBytes },
      }));
      const image = stack.use(await buildImage({ shared }));
      await uploadImage(image, registry.url, repository, "v1");
      return image;
    };

    /** Reads all layers on all nodes and compares their digests. */
    const pull = async (fleet: Fleet, repository: string, image: BuiltImage): Promise<void> => {
      const reads = fleet.nodes.flatMap((node) =>
        image.own.layers.map(async ({ digest }) => {
          const url = `${node.mirrorUrl}/v2/${repository}/blobs/${digest}`;
          const limit = PULL_MS_MAX / 1000;
          const hash = await mustRun({
            command: "bash",
            args: ["-o", "pipefail", "-c", `curl -sS -f -m ${limit} "$0" | sha256sum`, url],
            networkNamespace: node.networkNamespace,
          });
          expect(`sha256:${hash.split(" ", 1)[0]}`).toBe(digest);
        }),
      );
      await Promise.all(reads);
    };

    it.each([
      ["is killed", "SIGKILL"],
      ["hangs", "SIGSTOP"],
    ] as const)(
      "ends when the supernode %s, and so do the pulls after it",
      async (_what, signal) => {
        await using stack = new AsyncDisposableStack();
        const later = `later/${signal.toLowerCase()}`;
        const next = await upload(stack, later, [2 * MB, 100_000]);
        const fleet = await startFleet({
          nodeProgram: "registry-proxy",
          nodeCount: NODE_COUNT,
          placement: { supernode: network.host(1), nodes: network.hosts.slice(2) },
          upstreams: [registry.url],
          allowOrigins: [registry.authority],
        });
        stack.use(fleet);
        onTestFailed(() => console.error(fleet.lastWords()));
        const pulling = await inTheMiddle(fleet, async (attempt) => {
          const repository = `first-${attempt}/${signal.toLowerCase()}`;
          const image = await upload(stack, repository, [14 * MB, 4 * MB, 100_000]);
          return () => pull(fleet, repository, image);
        });
        process.kill(fleet.supernode.pid, signal);
        stack.defer(
          () => void (signal === "SIGSTOP" && process.kill(fleet.supernode.pid, "SIGCONT")),
        );
        await pulling.ended;
        await pull(fleet, later, next);
      },
    );
  },
);

/**
 * Begins a pull and returns when every node is in the middle of it. A machine that is busy may notice that too late, and
 * begins another one then.
 */
async function inTheMiddle(
  fleet: Fleet,
  prepare: (attempt: number) => Promise<() => Promise<void>>,
): Promise<{ readonly ended: Promise<void> }> {
  for (let attempt = 0; ; attempt++) {
    const begin = await prepare(attempt);
    const before = await fleet.received();
    const received = async (): Promise<readonly number[]> =>
      (await fleet.received()).map(({ total }, index) => total - (before[index]?.total ?? 0));
    const ended = begin();
    ended.catch(() => undefined);
    await until(async () => (await received()).some((bytes) => bytes > 3 * MB), {
      what: "the pull to be on its way",
    });
    if ((await received()).every((bytes) => bytes < 12 * MB)) return { ended };
    if (attempt >= LATE_MAX) throw new Error("this machine is too busy to look into a pull");
    await ended;
  }
}
