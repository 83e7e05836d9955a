import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pullImage } from "./cri-client.ts";
import type { Login } from "./login.ts";
import { ChildProcess } from "./child-process.ts";
import type { Host } from "./network.ts";
import { unmountUnder } from "./mounts.ts";
import { mustRun, runCommand } from "./run-command.ts";
import { fileDigest } from "./seeded-bytes.ts";
import { TemporaryDirectory } from "./temporary-directory.ts";
import { until } from "./until.ts";

export interface ContainerdOptions {
  readonly host: Host;
}

export interface PullOptions {
  /** `registry/repository:tag` */
  readonly image: string;
  /** The mirror to ask first; without one the registry is asked itself. */
  readonly mirrorUrl?: string;
  readonly timeoutMs?: number;
  readonly login?: Login;
}

/** A containerd of its own (root, state, socket) on a host, and what `ctr` can do with it. Needs root. */
export class Containerd implements AsyncDisposable {
  readonly #directory: TemporaryDirectory;
  readonly #process: ChildProcess;
  readonly #host: Host;
  #containerCount = 0;
  #snapshotter = "overlayfs";

  private constructor(directory: TemporaryDirectory, process: ChildProcess, host: Host) {
    this.#directory = directory;
    this.#process = process;
    this.#host = host;
  }

  static async start(options: ContainerdOptions): Promise<Containerd> {
    const directory = await TemporaryDirectory.create("containerd");
    await writeFile(directory.join("config.toml"), configuration(directory, "overlayfs"));
    const process = await ChildProcess.start({
      name: `containerd on host ${options.host.index}`,
      command: "containerd",
      args: ["--config", directory.join("config.toml")],
      networkNamespace: options.host.networkNamespace,
    });
    const containerd = new Containerd(directory, process, options.host);
    try {
      await until(async () => (await containerd.#tryCtr("version")).code === 0, {
        what: `containerd to answer\n${process.lastWords()}`,
      });
      await containerd.#chooseSnapshotter();
    } catch (error) {
      await containerd[Symbol.asyncDispose]();
      throw error;
    }
    return containerd;
  }

  /** Pulls and unpacks an image, as `ctr images pull` does. */
  async pull(options: PullOptions): Promise<void> {
    const hosts = await this.#writeHosts(options);
    const args = ["images", "pull", "--snapshotter", this.#snapshotter, "--hosts-dir", hosts];
    const { login } = options;
    const user = login === undefined ? [] : ["--user", `${login.user}:${login.password}`];
    await this.#ctr([...args, ...user, options.image], options.timeoutMs ?? 150_000);
  }

  /** Fetches what an image is made of and unpacks nothing, as `ctr content fetch` does. */
  async fetchContent(options: PullOptions): Promise<void> {
    const hosts = await this.#writeHosts(options);
    const args = ["content", "fetch", "--hosts-dir", hosts, "--all-platforms", options.image];
    await this.#ctr(args, options.timeoutMs ?? 150_000);
  }

  /** Where a blob of its content store is. */
  blobPath(digest: string): string {
    return join(this.contentPath, "blobs", ...digest.split(":"));
  }

  get socketPath(): string {
    return this.#directory.join("containerd.sock");
  }

  get contentPath(): string {
    return this.#directory.join("root/io.containerd.content.v1.content");
  }

  /** Where its mirrors are configured. */
  get hostsPath(): string {
    return this.#directory.join("hosts");
  }

  /** Pulls as the kubelet does, by the container runtime interface. Rejects with what containerd says. */
  async pullByCri(options: PullOptions): Promise<void> {
    await this.#writeHosts(options);
    const socketPath = this.#directory.join("containerd.sock");
    await pullImage(socketPath, options.image, options.login, options.timeoutMs ?? 150_000);
  }

  /** Runs the image's command and returns what it printed. */
  async run(image: string): Promise<string> {
    const id = `darter-${process.pid}-${this.#host.index}-${this.#containerCount++}`;
    return await this.#ctr(["run", "--rm", "--snapshotter", this.#snapshotter, image, id]);
  }

  /** Forgets an image and waits until nothing of it is left in the content store. */
  async removeImage(image: string): Promise<void> {
    await this.#ctr(["images", "remove", "--sync", image]);
    await until(async () => (await this.contentDigests()).length === 0, {
      what: "the content of the removed image to be collected",
    });
  }

  /** The digests that `ctr content ls` names. */
  async contentDigests(): Promise<readonly string[]> {
    const list = await this.#ctr(["content", "ls", "--quiet"]);
    return list.split("\n").filter((line) => line !== "");
  }

  /** Reads every blob on disk and returns the digests of what is really there, sorted. Wrong content is an error. */
  async verifyContent(): Promise<readonly string[]> {
    const blobs = join(this.contentPath, "blobs/sha256");
    const names = await readdir(blobs);
    for (const name of names) {
      const digest = await fileDigest(join(blobs, name));
      if (digest !== `sha256:${name}`) throw new Error(`the blob ${name} really is ${digest}`);
    }
    return names.map((name) => `sha256:${name}`).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
    await unmountUnder(this.#directory.path);
    await this.#directory[Symbol.asyncDispose]();
  }

  async #chooseSnapshotter(): Promise<void> {
    const plugins = await this.#ctr(["plugins", "ls"]);
    // Overlay cannot stand on every file system; the native one copies and always works.
    const hasOverlay = /^io\.containerd\.snapshotter\.v1\s+overlayfs\s.*\bok\b/m.test(plugins);
    this.#snapshotter = hasOverlay ? "overlayfs" : "native";
  }

  async #writeHosts(options: PullOptions): Promise<string> {
    const authority = options.image.slice(0, options.image.indexOf("/"));
    const folder = this.#directory.join("hosts", authority);
    await mkdir(folder, { recursive: true });
    const first = options.mirrorUrl ?? `http://${authority}`;
    const text = `server = "http://${authority}"\n[host."${first}"]\n  capabilities = ["pull", "resolve"]\n`;
    await writeFile(join(folder, "hosts.toml"), text);
    return this.#directory.join("hosts");
  }

  async #ctr(args: readonly string[], timeoutMs = 60_000): Promise<string> {
    return await mustRun({ ...this.#command(args), timeoutMs });
  }

  async #tryCtr(...args: readonly string[]): ReturnType<typeof runCommand> {
    return await runCommand(this.#command(args));
  }

  #command(args: readonly string[]): Parameters<typeof runCommand>[0] {
    return {
      command: "ctr",
      args: ["--address", this.#directory.join("containerd.sock"), ...args],
      networkNamespace: this.#host.networkNamespace,
    };
  }
}

function configuration(directory: TemporaryDirectory, snapshotter: string): string {
  return `
version = 2
root = "${directory.join("root")}"
state = "${directory.join("state")}"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "${directory.join("containerd.sock")}"
[ttrpc]
  address = "${directory.join("containerd.sock.ttrpc")}"
[plugins."io.containerd.grpc.v1.cri"]
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  disable_tcp_service = true
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "${snapshotter}"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "${directory.join("cni/bin")}"
  conf_dir = "${directory.join("cni/conf")}"
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "${directory.join("hosts")}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${directory.join("opt")}"
`;
}
