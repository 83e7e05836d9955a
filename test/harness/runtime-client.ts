import { Containerd } from "./containerd.ts";
import { ContainersClient } from "./containers-tools.ts";
import { DockerDaemon } from "./docker-daemon.ts";
import type { Host } from "./network.ts";

export const RUNTIME_CLIENTS = ["ctr", "CRI", "dockerd", "podman", "buildah", "skopeo"] as const;
export type RuntimeClientName = (typeof RUNTIME_CLIENTS)[number];

/** A real client that pulls `repository:v1` of a registry through the mirror of its host, without a user. */
export interface RuntimeClient {
  readonly name: RuntimeClientName;
  readonly pull: (repository: string) => Promise<void>;
}

/** Starts all clients on a host whose mirror listens on port 65001 and whose default registry is `authority`. */
export async function startRuntimeClients(
  host: Host,
  authority: string,
  resources: AsyncDisposableStack,
): Promise<readonly RuntimeClient[]> {
  const mirrorUrl = "http://127.0.0.1:65001";
  const image = (repository: string): string => `${authority}/${repository}:v1`;
  const containerd = resources.use(await Containerd.start({ host }));
  const docker = await DockerDaemon.start(host, { "registry-mirrors": [mirrorUrl] });
  resources.use(docker);
  const mirror = `127.0.0.1:65001/${authority.replace(":", "_")}`;
  const tools = await Promise.all(
    (["podman", "buildah", "skopeo"] as const).map(async (name) => {
      const client = await ContainersClient.create(name, host, [{ registry: authority, mirror }]);
      resources.use(client);
      return { name, pull: async (repository: string) => await client.pull(image(repository)) };
    }),
  );
  return [
    {
      name: "ctr",
      pull: async (repository) => await containerd.pull({ image: image(repository), mirrorUrl }),
    },
    {
      name: "CRI",
      pull: async (repository) => {
        await containerd.pullByCri({ image: image(repository), mirrorUrl });
      },
    },
    { name: "dockerd", pull: async (repository) => await docker.pull(`${repository}:v1`) },
    ...tools,
  ];
}
