import { writeFile } from "node:fs/promises";
import { ChildProcess } from "./child-process.ts";
import { freePort, portAnswers } from "./free-port.ts";
import type { Host } from "./network.ts";
import { mustRun } from "./run-command.ts";
import { ServerLog } from "./server-log.ts";
import type { TokenTrust } from "./token-server.ts";
import { TemporaryDirectory } from "./temporary-directory.ts";

export interface RegistryOptions {
  /** The host it runs on; without one it listens on loopback. */
  readonly host?: Host;
  /** Who is let in; everybody when left out. */
  readonly auth?: RegistryAuth;
  /** On loopback: the port; a free one when left out. */
  readonly port?: number;
}

/** Users with passwords in the registry's own file, or tokens of a token server. */
export type RegistryAuth =
  { readonly passwords: Readonly<Record<string, string>> } | { readonly tokens: TokenTrust };

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
    this.log = new ServerLog(directory.join("access.log"), this.url);
  }

  static async start(options: RegistryOptions = {}): Promise<Registry> {
    const directory = await TemporaryDirectory.create("registry");
    const address = options.host?.address ?? "127.0.0.1";
    const port = options.port ?? (options.host === undefined ? await freePort() : 5000);
    const auth = options.auth && (await authConfiguration(options.auth, directory));
    await writeFile(
      directory.join("config.yml"),
      configuration(`${address}:${port}`, directory.join("data"), auth),
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
    await portAnswers(address, port).catch(async (error: unknown) => {
      await process.stop();
      throw new Error(`docker-registry did not start\n${process.lastWords()}`, { cause: error });
    });
    return new Registry(`${address}:${port}`, process, directory);
  }

  /** Replaces the users of a registry that was started with passwords; it reads them at its next request. */
  async setPasswords(passwords: Readonly<Record<string, string>>): Promise<void> {
    await writePasswords(this.#directory.join("htpasswd"), passwords);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.stop();
    await this.#directory[Symbol.asyncDispose]();
  }
}

async function authConfiguration(
  auth: RegistryAuth,
  directory: TemporaryDirectory,
): Promise<object> {
  if ("tokens" in auth) {
    const { realm, service, issuer, certificatePath } = auth.tokens;
    return { token: { realm, service, issuer, rootcertbundle: certificatePath } };
  }
  const path = directory.join("htpasswd");
  await writePasswords(path, auth.passwords);
  return { htpasswd: { realm: "registry", path } };
}

function configuration(address: string, dataDirectory: string, auth: object | undefined): string {
  return JSON.stringify({
    version: "0.1",
    log: { level: "warn", accesslog: { disabled: false } },
    storage: {
      filesystem: { rootdirectory: dataDirectory },
      cache: { blobdescriptor: "inmemory" },
    },
    http: { addr: address },
    // Layers that are elsewhere are taken when their address is.
    validation: { manifests: { urls: { allow: ["^https://example\\.com/"] } } },
    ...(auth === undefined ? {} : { auth }),
  });
}

async function writePasswords(
  path: string,
  passwords: Readonly<Record<string, string>>,
): Promise<void> {
  const lines = Object.entries(passwords).map(([user, password]) =>
    mustRun({ command: "htpasswd", args: ["-Bbn", user, password] }),
  );
  await writeFile(path, (await Promise.all(lines)).map((line) => line.trim()).join("\n"));
}
