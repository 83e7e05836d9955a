import { mkdir, writeFile } from "node:fs/promises";
import { unmountUnder } from "./mounts.ts";
import type { Login } from "./login.ts";
import type { Host } from "./network.ts";
import { mustRun } from "./run-command.ts";
import { TemporaryDirectory } from "./temporary-directory.ts";

/** A registry and the mirror that is asked for its images first. */
export interface MirroredRegistry {
  /** As images name it: `docker.io`, `host:port`. */
  readonly registry: string;
  /** `host:port` or `host:port/path`. */
  readonly mirror: string;
}

export type ContainersTool = "podman" | "buildah" | "skopeo";

/** podman, buildah or skopeo with a storage and a configuration of its own on a host. Needs root. */
export class ContainersClient implements AsyncDisposable {
  readonly tool: ContainersTool;
  readonly #directory: TemporaryDirectory;
  readonly #host: Host;

  private constructor(tool: ContainersTool, directory: TemporaryDirectory, host: Host) {
    this.tool = tool;
    this.#directory = directory;
    this.#host = host;
  }

  static async create(
    tool: ContainersTool,
    host: Host,
    registries: readonly MirroredRegistry[],
  ): Promise<ContainersClient> {
    const directory = await TemporaryDirectory.create(tool);
    await writeFile(directory.join("registries.conf"), registries.map(registryEntry).join("\n"));
    await writeFile(
      directory.join("policy.json"),
      '{"default":[{"type":"insecureAcceptAnything"}]}',
    );
    await mkdir(directory.join("tmp"));
    return new ContainersClient(tool, directory, host);
  }

  /** Pulls an image. `login` is filed under `loginAt`, the name of the mirror, as these tools want it. */
  async pull(image: string, login?: Login & { readonly at: string }): Promise<void> {
    const file = this.#directory.join("auth.json");
    await writeFile(
      file,
      JSON.stringify({ auths: login ? { [login.at]: { auth: pair(login) } } : {} }),
    );
    const auth = ["--authfile", file];
    if (this.tool !== "skopeo") {
      await this.#run(["pull", "--quiet", ...auth, ...this.#policy, image]);
      return;
    }
    await mkdir(this.#directory.join("copies"), { recursive: true });
    const target = `dir:${this.#directory.join("copies", String(this.#copyCount++))}`;
    await this.#run(["copy", "--quiet", ...auth, `docker://${image}`, target]);
  }

  async removeImage(image: string): Promise<void> {
    if (this.tool !== "skopeo") await this.#run(["rmi", "--force", image]);
  }

  /** Runs the image's command, without a network, and returns what it printed; podman only. */
  async run(image: string): Promise<string> {
    const limits = "--ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --network=none";
    return await this.#run(["run", "--rm", "--pull=never", ...limits.split(" "), image]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await unmountUnder(this.#directory.path);
    await this.#directory[Symbol.asyncDispose]();
  }

  #copyCount = 0;

  get #policy(): readonly string[] {
    return ["--signature-policy", this.#directory.join("policy.json")];
  }

  async #run(args: readonly string[]): Promise<string> {
    return await mustRun({
      command: this.tool,
      args: [...this.#storage(), ...args],
      env: {
        CONTAINERS_REGISTRIES_CONF: this.#directory.join("registries.conf"),
        TMPDIR: this.#directory.join("tmp"),
      },
      networkNamespace: this.#host.networkNamespace,
      timeoutMs: 120_000,
    });
  }

  #storage(): readonly string[] {
    if (this.tool === "skopeo")
      return [
        "--policy",
        this.#directory.join("policy.json"),
        "--registries-conf",
        this.#directory.join("registries.conf"),
      ];
    const places = [
      "--root",
      this.#directory.join("root"),
      "--runroot",
      this.#directory.join("run"),
    ];
    const common = [...places, "--storage-driver", "vfs"];
    if (this.tool === "buildah") return common;
    return [
      ...common,
      "--tmpdir",
      this.#directory.join("libpod"),
      "--cgroup-manager",
      "cgroupfs",
      "--runtime",
      "runc",
      "--events-backend",
      "none",
    ];
  }
}

function registryEntry({ registry, mirror }: MirroredRegistry): string {
  const location = `location = "${registry}"\ninsecure = true\n`;
  return `[[registry]]\nprefix = "${registry}"\n${location}[[registry.mirror]]\nlocation = "${mirror}"\ninsecure = true\n`;
}

function pair({ user, password }: Login): string {
  return Buffer.from(`${user}:${password}`).toString("base64");
}
