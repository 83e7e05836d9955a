import { writeFile } from "node:fs/promises";
import { request } from "node:http";
import { ChildProcess } from "./child-process.ts";
import { unmountUnder } from "./mounts.ts";
import type { Login } from "./login.ts";
import type { Host } from "./network.ts";
import { TemporaryDirectory } from "./temporary-directory.ts";
import { until } from "./until.ts";

/** A dockerd of its own (data, socket, containerd) on a host, used by its API. Needs root. */
export class DockerDaemon implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly #directory: TemporaryDirectory;

  private constructor(directory: TemporaryDirectory, process: ChildProcess) {
    this.#directory = directory;
    this.process = process;
  }

  /** Starts it; `configuration` is what goes into daemon.json. */
  static async start(host: Host, configuration: object): Promise<DockerDaemon> {
    const directory = await TemporaryDirectory.create("docker");
    const path = directory.join("daemon.json");
    await writeFile(path, JSON.stringify(configuration));
    const process = await ChildProcess.start({
      name: `dockerd on host ${host.index}`,
      command: "dockerd",
      args: [
        "--config-file",
        path,
        "--data-root",
        directory.join("data"),
        "--exec-root",
        directory.join("exec"),

        "--pidfile",
        directory.join("pid"),
        "--host",
        `unix://${directory.join("docker.sock")}`,
        ..."--bridge=none --iptables=false --ip6tables=false --ip-forward=false".split(" "),
        ..."--ip-masq=false --userland-proxy=false --default-ulimit nofile=1024:1024".split(" "),
      ],
      networkNamespace: host.networkNamespace,
    });
    const docker = new DockerDaemon(directory, process);
    try {
      await until(async () => (await docker.#tryCall("GET", "/_ping")) !== undefined, {
        what: `dockerd to answer\n${process.lastWords()}`,
        intervalMs: 100,
      });
    } catch (error) {
      await docker[Symbol.asyncDispose]();
      throw error;
    }
    return docker;
  }

  /** Pulls `repository:tag` of Docker Hub or of a registry. Rejects with what dockerd says. */
  async pull(image: string, login?: Login): Promise<void> {
    const colon = image.lastIndexOf(":");
    const query = new URLSearchParams({
      fromImage: image.slice(0, colon),
      tag: image.slice(colon + 1),
    });
    const auth = login && { username: login.user, password: login.password };
    const headers: Record<string, string> =
      auth === undefined ? {} : { "x-registry-auth": headerText(auth) };
    const answer = await this.#call("POST", `/images/create?${query.toString()}`, headers);
    const failure = /"error":"((?:[^"\\]|\\.)*)"/.exec(answer)?.[1];
    if (failure === undefined) return;
    throw new Error(`dockerd cannot pull ${image}: ${failure}\n${this.process.lastWords()}`);
  }

  async removeImage(image: string): Promise<void> {
    await this.#call("DELETE", `/images/${image}?force=true`);
  }

  /** Runs the image's command, without a network, and returns what it printed. */
  async run(image: string): Promise<string> {
    const settings = { Image: image, HostConfig: { NetworkMode: "none" }, Tty: true };
    const created = await this.#call("POST", "/containers/create", {}, JSON.stringify(settings));
    const { Id: id } = JSON.parse(created) as { Id: string };
    await this.#call("POST", `/containers/${id}/start`);
    await this.#call("POST", `/containers/${id}/wait`);
    const output = await this.#call("GET", `/containers/${id}/logs?stdout=1`);
    await this.#call("DELETE", `/containers/${id}?force=true`);
    return output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.stop();
    await unmountUnder(this.#directory.path);
    await this.#directory[Symbol.asyncDispose]();
  }

  async #tryCall(method: string, path: string): Promise<string | undefined> {
    try {
      return await this.#call(method, path);
    } catch {
      return undefined;
    }
  }

  async #call(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body = "",
  ): Promise<string> {
    return await new Promise((resolve, reject) => {
      const asked = request(
        {
          socketPath: this.#directory.join("docker.sock"),
          method,
          path,
          headers: { ...headers, "content-type": "application/json", host: "docker" },
        },
        (answer) => {
          let text = "";
          answer.setEncoding("utf8");
          answer.on("data", (chunk: string) => (text += chunk));
          answer.on("error", reject);
          answer.on("end", () => {
            if ((answer.statusCode ?? 500) < 400) resolve(text);
            else reject(new Error(`dockerd answered ${method} ${path}: ${text}`));
          });
        },
      );
      asked.on("error", reject);
      asked.end(body);
    });
  }
}

/** JSON in the base64 of URLs, with the padding that Docker insists on. */
function headerText(content: object): string {
  const text = Buffer.from(JSON.stringify(content)).toString("base64");
  return text.replaceAll("+", "-").replaceAll("/", "_");
}
