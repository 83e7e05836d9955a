import { randomUUID, sign } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Login } from "./login.ts";
import { basicHeader } from "./login.ts";
import { mustRun } from "./run-command.ts";
import { TemporaryDirectory } from "./temporary-directory.ts";

/** What a registry is told of the token server that it believes. */
export interface TokenTrust {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  readonly certificatePath: string;
}

export interface TokenUser extends Login {
  /** The repositories that the user may pull from; may be changed while the server runs. */
  repositories: string[];
}

/** Repositories whose name begins with this are for everybody. */
const PUBLIC_PREFIX = "open/";
const SERVICE = "registry of the tests";
const ISSUER = "token server of the tests";

/** A token server as the distribution's token authentication wants one, with users and their rights. */
export class TokenServer implements AsyncDisposable {
  readonly users: readonly TokenUser[];
  readonly trust: TokenTrust;
  /** Every token that a user got. */
  readonly issued = new Set<string>();
  /** How long tokens live from now on. */
  lifeSeconds = 300;
  readonly #server: Server;
  readonly #directory: TemporaryDirectory;
  readonly #key: string;
  readonly #certificate: string;

  private constructor(parts: {
    users: readonly TokenUser[];
    server: Server;
    address: string;
    directory: TemporaryDirectory;
    key: string;
    certificate: string;
  }) {
    this.users = parts.users;
    this.#server = parts.server;
    this.#directory = parts.directory;
    this.#key = parts.key;
    this.#certificate = parts.certificate;
    const { port } = parts.server.address() as AddressInfo;
    this.trust = {
      realm: `http://${parts.address}:${port}/auth`,
      service: SERVICE,
      issuer: ISSUER,
      certificatePath: parts.directory.join("cert.pem"),
    };
    this.#server.on("request", (request, response) => void this.#answer(request, response));
  }

  static async start(address: string, users: readonly TokenUser[]): Promise<TokenServer> {
    const directory = await TemporaryDirectory.create("tokens");
    const [keyPath, certificatePath] = [directory.join("key.pem"), directory.join("cert.pem")];
    await mustRun({
      command: "openssl",
      args: [
        ..."req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tokens".split(" "),
        "-keyout",
        keyPath,
        "-out",
        certificatePath,
      ],
    });
    const server = createServer();
    server.listen(0, address);
    await once(server, "listening");
    const key = await readFile(keyPath, "utf8");
    const certificate = await readFile(certificatePath, "utf8");
    return new TokenServer({ users, server, address, directory, key, certificate });
  }

  /** A token with these actions in a repository, such as a test needs to push. */
  token(repository: string, actions: readonly string[]): string {
    const now = Math.floor(Date.now() / 1000);
    const der = this.#certificate.replaceAll(/-----[^-]+-----|\s/g, "");
    const header = { typ: "JWT", alg: "RS256", x5c: [der] };
    const access = actions.length === 0 ? [] : [{ type: "repository", name: repository, actions }];
    const claims = {
      iss: ISSUER,
      sub: "",
      aud: SERVICE,
      access,
      jti: randomUUID(),
      nbf: now - 10,
      iat: now - 10,
      exp: now + this.lifeSeconds,
    };
    const text = [header, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    return `${text}.${sign("sha256", Buffer.from(text), this.#key).toString("base64url")}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await this.#directory[Symbol.asyncDispose]();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = new URLSearchParams(await textOf(request));
    const { searchParams: query } = new URL(request.url ?? "/", "http://tokens");
    const user = form.get("username");
    const authorization =
      user === null
        ? request.headers.authorization
        : basicHeader({ user, password: form.get("password") ?? "" });
    const known = this.users.find((each) => basicHeader(each) === authorization);
    if (authorization !== undefined && !known) return void response.writeHead(401).end();
    const scope = form.get("scope") ?? query.get("scope") ?? "";
    const name = /^repository:(.+):/.exec(scope)?.[1] ?? "";
    const mayPull = name.startsWith(PUBLIC_PREFIX) || known?.repositories.includes(name) === true;
    const token = this.token(name, mayPull ? ["pull"] : []);
    if (known) this.issued.add(token);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ token, access_token: token, expires_in: this.lifeSeconds }));
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
