import { link, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { Containerd } from "../../../test/harness/containerd.ts";
import type { Host } from "../../../test/harness/network.ts";
import { bytesDigest } from "../../../test/harness/seeded-bytes.ts";
import type { OriginFile } from "../origin-files.ts";
import type { Rival, RivalStage } from "./rival.ts";
import { RivalProcesses } from "./rival-processes.ts";

const REGISTRY_PORT = 5000;
const ROUTER_PORT = 5001;
const BOOTSTRAP_PORT = 5002;
const PULL_MS_MAX = 10 * 60_000;
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar";

/**
 * Spegel: a containerd on every host and Spegel beside it as the mirror. Since Spegel shares what a containerd holds, every
 * file is offered as an image of one layer, which ctr fetches without unpacking it. What no other host has complete
 * containerd reads from the origin itself.
 */
export const spegel: Rival = {
  name: "Spegel",
  programs: ["spegel"],
  versionBy: { program: "spegel", args: ["--version"] },
  async start(directory, stage, signal) {
    await using resources = new AsyncDisposableStack();
    for (const file of stage.files) await offerAsImage(stage, file);
    const processes = resources.use(new RivalProcesses(stage.directory, signal));
    const containerds: Containerd[] = [];
    for (const host of stage.nodes) {
      signal.throwIfAborted();
      containerds.push(resources.use(await Containerd.start({ host })));
    }
    await Promise.all(
      containerds.map(async (containerd, index) => {
        const host = stage.nodes[index];
        if (host === undefined) return;
        const args = spegelArgs(stage, host, containerd, `${stage.directory}/spegel-${index}`);
        if (index === 0) processes.record("on each host", ["spegel", ...args]);
        const name = `spegel on host ${index}`;
        await processes.start(
          { name, host, command: join(directory, "spegel"), args },
          REGISTRY_PORT,
        );
      }),
    );
    const mirrorUrl = `http://127.0.0.1:${REGISTRY_PORT}`;
    processes.record("for each file", [
      "ctr content fetch --hosts-dir HOSTS IMAGE; mirror",
      mirrorUrl,
    ]);
    const disposal = resources.move();
    return {
      configuration: processes.configuration,
      async pull({ hostIndex, file, outputPath }, pullSignal) {
        const containerd = containerds[hostIndex];
        if (containerd === undefined) throw new Error(`there is no host ${hostIndex}`);
        pullSignal.throwIfAborted();
        const image = `${stage.originAuthority}/${repositoryOf(file)}:1`;
        await containerd.fetchContent({ image, mirrorUrl, timeoutMs: PULL_MS_MAX });
        pullSignal.throwIfAborted();
        await link(containerd.blobPath(file.digest), outputPath);
      },
      [Symbol.asyncDispose]: async () => await disposal.disposeAsync(),
    };
  },
};

function spegelArgs(
  stage: RivalStage,
  host: Host,
  containerd: Containerd,
  dataDirectory: string,
): readonly string[] {
  const [first] = stage.nodes;
  return Object.entries({
    "containerd-sock": containerd.socketPath,
    "containerd-namespace": "default",
    "containerd-content-path": containerd.contentPath,
    "containerd-registry-config-path": containerd.hostsPath,
    "data-dir": dataDirectory,
    "registry-addr": `:${REGISTRY_PORT}`,
    "router-addr": `${host.address}:${ROUTER_PORT}`,
    "metrics-addr": "127.0.0.1:9090",
    "mirrored-registries": `http://${stage.originAuthority}`,
    "bootstrap-kind": "http",
    "http-bootstrap-addr": `${host.address}:${BOOTSTRAP_PORT}`,
    "http-bootstrap-peer": `http://${first?.address}:${BOOTSTRAP_PORT}/id`,
  }).reduce<string[]>((args, [name, value]) => [...args, `--${name}`, value], ["registry"]);
}

/** Puts an image whose one layer is the file into the origin's directory. */
async function offerAsImage({ originDirectory }: RivalStage, file: OriginFile): Promise<void> {
  const repository = `${originDirectory}/v2/${repositoryOf(file)}`;
  await mkdir(`${repository}/blobs`, { recursive: true });
  await mkdir(`${repository}/manifests`, { recursive: true });
  await link(`${originDirectory}/${file.name}`, `${repository}/blobs/${file.digest}`);
  const config = Buffer.from(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: [file.digest] },
    }),
  );
  await writeFile(`${repository}/blobs/${bytesDigest(config)}`, config);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: CONFIG, digest: bytesDigest(config), size: config.length },
      layers: [{ mediaType: LAYER, digest: file.digest, size: file.lengthBytes }],
    }),
  );
  for (const reference of ["1", bytesDigest(manifest)]) {
    await writeFile(`${repository}/manifests/${reference}`, manifest);
  }
}

function repositoryOf(file: OriginFile): string {
  return `bench/${file.name.replace(/\.bin$/, "")}`;
}
