import { mkdir, writeFile } from "node:fs/promises";
import { ChildProcess } from "./child-process.ts";
import { freePort, portAnswers } from "./free-port.ts";
import type { Host } from "./network.ts";
import { ServerLog } from "./server-log.ts";
import { TemporaryDirectory } from "./temporary-directory.ts";

export interface NginxOptions {
  /** What it serves. */
  readonly directory: string;
  /** The host it runs on; without one it listens on loopback. */
  readonly host?: Host;
  /** On a host: its port; 80 when left out. */
  readonly port?: number;
  /** Limit for each connection. */
  readonly rateBytesPerSecond?: number;
  /** Whether it lists directories. */
  readonly hasListings?: boolean;
}

/** A real nginx that serves one directory, with configuration, logs and temporary files of its own. */
export class Nginx implements AsyncDisposable {
  readonly url: string;
  readonly authority: string;
  readonly log: ServerLog;
  readonly #process: ChildProcess;
  readonly #prefix: TemporaryDirectory;

  private constructor(authority: string, process: ChildProcess, prefix: TemporaryDirectory) {
    this.authority = authority;
    this.url = `http://${authority}`;
    this.#process = process;
    this.#prefix = prefix;
    this.log = new ServerLog(prefix.join("access.log"), this.url);
  }

  static async start(options: NginxOptions): Promise<Nginx> {
    const prefix = await TemporaryDirectory.create("nginx");
    const address = options.host?.address ?? "127.0.0.1";
    const port = options.host === undefined ? await freePort() : (options.port ?? 80);
    await mkdir(prefix.join("temporary"));
    await writeFile(
      prefix.join("nginx.conf"),
      configuration(prefix, `${address}:${port}`, options),
    );
    const process = await ChildProcess.start({
      name: "nginx",
      command: "nginx",
      args: ["-p", prefix.path, "-c", prefix.join("nginx.conf"), "-e", prefix.join("error.log")],
      networkNamespace: options.host?.networkNamespace,
    });
    await portAnswers(address, port).catch(async (error: unknown) => {
      await process.stop();
      throw new Error(`nginx did not start\n${process.lastWords()}`, { cause: error });
    });
    return new Nginx(`${address}:${port}`, process, prefix);
  }

  /** The process id of its master. */
  get pid(): number {
    return this.#process.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
    await this.#prefix[Symbol.asyncDispose]();
  }
}

function configuration(prefix: TemporaryDirectory, listen: string, options: NginxOptions): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${prefix.join("temporary", name)};`)
    .join("\n  ");
  return `
daemon off;
${process.getuid?.() === 0 ? "user root;" : ""}
worker_processes 1;
pid ${prefix.join("nginx.pid")};
events { worker_connections 1024; }
http {
  ${temporary}
  access_log ${prefix.join("access.log")} combined;
  sendfile on;
  tcp_nopush on;
  default_type application/octet-stream;
  server {
    listen ${listen};
    root "${options.directory}";
    limit_rate ${options.rateBytesPerSecond ?? 0};
    # A directory may stand for a registry.
    location ~ ^/v2/.*/manifests/ { default_type application/vnd.oci.image.manifest.v1+json; }
    autoindex ${options.hasListings === true ? "on" : "off"};
  }
}
`;
}
