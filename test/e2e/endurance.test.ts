import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import { smallImage } from "../fixtures/acceptance-image.ts";
import type { ChildProcess } from "../harness/child-process.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { buildImage } from "../harness/image.ts";
import { cpuSeconds, openFiles, rssBytes, type OpenFiles } from "../harness/process-figures.ts";
import { Registry } from "../harness/registry.ts";
import { uploadImage } from "../harness/registry-upload.ts";
import { mustRun } from "../harness/run-command.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";
import { until } from "../harness/until.ts";

const PULL_COUNT = 10;
const NODE_COUNT = 3;
const MEMORY_GROWTH_MAX = 1.2;

describeWhere(["linux", "docker-registry", "skopeo"], "ten cold image pulls in a row", () => {
  const resources = new AsyncDisposableStack();
  let registry: Registry;
  let fleet: Fleet;
  let processes: readonly ChildProcess[];

  beforeAll(async () => {
    registry = resources.use(await Registry.start());
    fleet = await startFleet({
      nodeProgram: "registry-proxy",
      nodeCount: NODE_COUNT,
      upstreams: [registry.url],
      allowOrigins: [registry.authority],
    });
    resources.use(fleet);
    processes = [fleet.supernode, ...fleet.nodes.map((node) => node.process)];
    for (let number = 0; number < PULL_COUNT; number++) {
      await using image = await buildImage(smallImage(`endurance ${number}`));
      await uploadImage(image, registry.url, `team/app-${number}`, "v1");
    }
  });

  afterAll(() => resources.disposeAsync());

  it("leave memory, open files and sockets of every process where they were", async () => {
    onTestFailed(() => console.error(fleet.lastWords()));
    const filesAtStart = await Promise.all(processes.map((each) => openFiles(each.pid)));
    const memoryBytes: number[][] = [];
    for (let number = 0; number < PULL_COUNT; number++) {
      await pullEverywhere(fleet, `team/app-${number}:v1`);
      await Promise.all(processes.map(untilIdle));
      memoryBytes.push(await Promise.all(processes.map((each) => rssBytes(each.pid))));
    }
    const [third = [], tenth = []] = [memoryBytes[2], memoryBytes[PULL_COUNT - 1]];
    for (const [index, process] of processes.entries()) {
      const before = third[index] ?? 0;
      const history = memoryBytes.map((each) => Math.round((each[index] ?? 0) / 1e6)).join(" ");
      expect(tenth[index], `${process.name}, MB after each pull: ${history}`).toBeLessThanOrEqual(
        MEMORY_GROWTH_MAX * before,
      );
      await untilFilesAreBack(process, filesAtStart[index] ?? { total: 0, sockets: 0 });
    }
  });
});

async function pullEverywhere(fleet: Fleet, image: string): Promise<void> {
  await Promise.all(
    fleet.nodes.map(async (node) => {
      await using copy = await TemporaryDirectory.create("copy");
      const options = "--insecure-policy copy --src-tls-verify=false".split(" ");
      await mustRun({
        command: "skopeo",
        args: [
          ...options,
          `docker://${node.mirrorAuthority}/${image}`,
          `dir:${copy.join("image")}`,
        ],
        timeoutMs: 120_000,
      });
    }),
  );
}

/** Waits until a process has used next to no CPU for half a second. */
async function untilIdle(process: ChildProcess): Promise<void> {
  let last = await cpuSeconds(process.pid);
  await until(
    async () => {
      const now = await cpuSeconds(process.pid);
      const isIdle = now - last <= 0.02;
      last = now;
      return isIdle;
    },
    { what: `${process.name} to be idle`, timeoutMs: 30_000, intervalMs: 500 },
  );
}

/**
 * Idle kept-alive connections close after a while. What stays may be the database's files and one control
 * connection for each pair of nodes.
 */
async function untilFilesAreBack(process: ChildProcess, atStart: OpenFiles): Promise<void> {
  const spare = NODE_COUNT + 2;
  let now = await openFiles(process.pid);
  await until(
    async () => {
      now = await openFiles(process.pid);
      return now.total <= atStart.total + spare && now.sockets <= atStart.sockets + spare;
    },
    { what: `${process.name} to close its files`, timeoutMs: 90_000, intervalMs: 500 },
  ).catch((error: unknown) => {
    const figures = `${JSON.stringify(atStart)} at the start, ${JSON.stringify(now)} now`;
    throw new Error(`${process.name} holds files open: ${figures}`, { cause: error });
  });
}
