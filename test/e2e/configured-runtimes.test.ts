import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import { ChildProcess } from "../harness/child-process.ts";
import { pullImage } from "../harness/cri-client.ts";
import { runProgramToEnd } from "../harness/darter-programs.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { DockerDaemon } from "../harness/docker-daemon.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { buildImage, type BuiltImage } from "../harness/image.ts";
import { answeredRequests } from "../harness/fleet-metrics.ts";
import { unmountUnder } from "../harness/mounts.ts";
import { Network, type Host } from "../harness/network.ts";
import { Registry } from "../harness/registry.ts";
import { uploadImage } from "../harness/registry-upload.ts";
import { mustRun } from "../harness/run-command.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";
import { until } from "../harness/until.ts";

/** A machine's files are a directory of the test's, mounted over the real ones for the runtime alone. */
describeWhere(
  [
    "namespaces",
    "containerd",
    "runc",
    "dockerd",
    "podman",
    "docker-registry",
    "ip",
    "tc",
    "nsenter",
    "unshare",
  ],
  "runtimes that were configured by registry-proxy configure",
  () => {
    const resources = new AsyncDisposableStack();
    let network: Network;
    let registry: Registry;
    let image: BuiltImage;
    let fleet: Fleet;
    let host: Host;

    beforeAll(async () => {
      network = resources.use(await Network.create({ hostCount: 3 }));
      host = network.host(2);
      registry = resources.use(await Registry.start({ host: network.host(0) }));
      const seed = "configured";
      image = resources.use(
        await buildImage({
          shared: [
            { name: "layer.bin", compression: "gzip", content: { seed, lengthBytes: 600_000 } },
          ],
        }),
      );
      for (const name of ["containerd", "docker", "podman"]) {
        await uploadImage(image, registry.url, `team/${name}`, "v1");
      }
      fleet = await startFleet({
        nodeProgram: "registry-proxy",
        nodeCount: 1,
        placement: { supernode: network.host(1), nodes: [host] },
        upstreams: [registry.url],
        allowOrigins: [registry.authority],
      });
      resources.use(fleet);
    });

    afterAll(() => resources.disposeAsync());

    const configure = async (root: TemporaryDirectory, ...args: string[]): Promise<void> => {
      const all = ["configure", ...args, "--root", root.path];
      const { code, stderr } = await runProgramToEnd("registry-proxy", { args: all });
      expect([code, stderr]).toEqual([0, ""]);
    };

    /** How many requests the mirror has answered. */
    const answered = async (): Promise<number> => await answeredRequests(fleet.node(0).peerUrl);

    const expectThroughMirror = async (pull: () => Promise<unknown>): Promise<void> => {
      onTestFailed(() => console.error(fleet.lastWords()));
      const before = await answered();
      await pull();
      expect(await answered()).toBeGreaterThanOrEqual(before + 3);
    };

    it("containerd pulls through the mirror", async () => {
      await using root = await TemporaryDirectory.create("configured");
      const socket = root.join("run/containerd.sock");
      await mkdir(root.join("etc/containerd"), { recursive: true });
      const own = `version = 2\nroot = "${root.join("root")}"\nstate = "${root.join("run")}"\n[grpc]\n  address = "${socket}"\n[ttrpc]\n  address = "${socket}.ttrpc"\n[plugins."io.containerd.internal.v1.opt"]\n  path = "${root.join("opt")}"\n`;
      await writeFile(root.join("etc/containerd/config.toml"), own);
      await configure(root, "containerd", "--registry", registry.authority);
      await using process = await startOver(host, root, "etc/containerd", [
        "containerd",
        "--config",
        root.join("etc/containerd/config.toml"),
      ]);
      const name = `${registry.authority}/team/containerd:v1`;
      await until(
        async () =>
          await pullImage(socket, "localhost:1/none:v1", undefined, 5000).catch((error: Error) =>
            /none:v1/.test(error.message),
          ),
        { what: `containerd to answer\n${process.lastWords()}` },
      );
      await expectThroughMirror(async () => await pullImage(socket, name, undefined, 60_000));
      await process.stop();
      await unmountUnder(root.path);
      await configure(root, "containerd", "--undo");
      expect(await readFile(root.join("etc/containerd/config.toml"), "utf8")).toBe(own);
    });

    it("Docker pulls through the mirror", async () => {
      await using root = await TemporaryDirectory.create("configured");
      await configure(root, "docker", "--registry", "docker.io");
      const text = await readFile(root.join("etc/docker/daemon.json"), "utf8");
      await using docker = await DockerDaemon.start(host, JSON.parse(text) as object);
      await expectThroughMirror(async () => await docker.pull("team/docker:v1"));
    });

    it("podman pulls through the mirror", async () => {
      await using root = await TemporaryDirectory.create("configured");
      await cp("/etc/containers", root.join("etc/containers"), { recursive: true });
      await configure(root, "podman", "--registry", registry.authority);
      const places = ["--root", root.join("root"), "--runroot", root.join("run")];
      await expectThroughMirror(
        async () =>
          await mustRun(
            over(host, root, "etc/containers", [
              "podman",
              ...places,
              "--storage-driver",
              "vfs",
              "--cgroup-manager",
              "cgroupfs",
              "pull",
              "--tls-verify=false",
              `${registry.authority}/team/podman:v1`,
            ]),
          ),
      );
    });
  },
);

/** A command for which a folder of the machine is the test's own. */
function over(
  host: Host,
  root: TemporaryDirectory,
  folder: string,
  command: readonly string[],
): Parameters<typeof mustRun>[0] {
  const script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
  return {
    name: command[0]!,
    command: "unshare",
    args: ["-m", "sh", "-c", script, "sh", root.join(folder), `/${folder}`, ...command],
    networkNamespace: host.networkNamespace,
    timeoutMs: 60_000,
  };
}

async function startOver(
  host: Host,
  root: TemporaryDirectory,
  folder: string,
  command: readonly string[],
): Promise<ChildProcess> {
  const { name = "", ...options } = over(host, root, folder, command);
  return await ChildProcess.start({ name, ...options });
}
