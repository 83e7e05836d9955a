import { writeFile } from "node:fs/promises";
import { ChildProcess } from "./child-process.ts";
import { freePort, portAnswers } from "./free-port.ts";
import type { Host } from "./network.ts";
import { ServerLog } from "./server-log.ts";
import { TemporaryDirectory } from "./temporary-directory.ts";

export interface RegistryOptions {
  /** The host it runs on; without one it listens on loopback. */
  readonly host?: Host;
}

/** Debian's docker-registry with a directory and a configuration of its own. */
export class Registry implements AsyncDisposable {
  /** `address:port`, the first part of an image's name. */
  readonly authority: string;
  readonly url: string;
  readonly log: ServerLog;
  readonly process: ChildProcess;
  readonly #directory: TemporaryDirectory;

  private constructor(authority: string, process: ChildProcess, directory: TemporaryDirectory) {
    this.authority = authority;
    this.url = `http://${authority}`;
    this.process = process;
    this.#directory = directory;
    this.log = new ServerLog(directory.join("access.log"));
  }

  static async start(options: RegistryOptions = {}): Promise<Registry> {
    const directory = await TemporaryDirectory.create("registry");
    const address = options.host?.address ?? "127.0.0.1";
    const port = options.host === undefined ? await freePort() : 5000;
    await writeFile(
      directory.join("config.yml"),
      configuration(`${address}:${port}`, directory.join("data")),
    );
    const process = await ChildProcess.start({
      name: "docker-registry",
      command: "sh",
      // The access log is the program's standard output, and nothing else is.
      args: [
        "-c",
        'exec docker-registry serve "$1" >"$2"',
        "sh",
        directory.join("config.yml"),
        directory.join("access.log"),
      ],
      networkNamespace: options.host?.networkNamespace,
    });
    await portAnswers(address, port, { timeoutMs: 20_000 }).catch(async (error: unknown) => {
      await process.stop();
      throw new Error(`docker-registry did not start\n${process.lastWords()}`, { cause: error });
    });
    return new Registry(`${address}:${port}`, process, directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.stop();
    await this.#directory[Symbol.asyncDispose]();
  }
}

function configuration(address: string, dataDirectory: string): string {
  return JSON.stringify({
    version: "0.1",
    log: { level: "warn", accesslog: { disabled: false } },
    storage: {
      filesystem: { rootdirectory: dataDirectory },
      cache: { blobdescriptor: "inmemory" },
    },
    http: { addr: address },
  });
}
