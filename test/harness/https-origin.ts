import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { TLSSocket } from "node:tls";
import { mustRun } from "./run-command.ts";
import { TemporaryDirectory } from "./temporary-directory.ts";

/** Files in PEM of an authority, of a server that it vouches for, and of a client. */
export interface Certificates {
  readonly ca: string;
  readonly serverCert: string;
  readonly serverKey: string;
  readonly clientCert: string;
  readonly clientKey: string;
}

/** Makes certificates in a directory with the real openssl, for a server at this address. */
export async function makeCertificates(
  directory: TemporaryDirectory,
  address = "127.0.0.1",
): Promise<Certificates> {
  const at = (name: string): string => directory.join(name);
  const openssl = async (...args: string[]): Promise<void> =>
    void (await mustRun({ command: "openssl", args }));
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await openssl(
    "req",
    "-x509",
    ...key,
    "-keyout",
    at("ca.key"),
    "-out",
    at("ca.pem"),
    "-days",
    "2",
    "-subj",
    "/CN=Darter tests",
  );
  for (const [name, subject] of [
    ["server", `/CN=${address}`],
    ["client", "/CN=a client"],
  ] as const) {
    await openssl(
      "req",
      ...key,
      "-keyout",
      at(`${name}.key`),
      "-out",
      at(`${name}.csr`),
      "-subj",
      subject,
      "-addext",
      `subjectAltName=IP:${address}`,
    );
    await openssl(
      "x509",
      "-req",
      "-in",
      at(`${name}.csr`),
      "-CA",
      at("ca.pem"),
      "-CAkey",
      at("ca.key"),
      "-CAcreateserial",
      "-copy_extensions",
      "copy",
      "-days",
      "2",
      "-out",
      at(`${name}.pem`),
    );
  }
  return {
    ca: at("ca.pem"),
    serverCert: at("server.pem"),
    serverKey: at("server.key"),
    clientCert: at("client.pem"),
    clientKey: at("client.key"),
  };
}

/** An HTTPS server with a certificate of its own authority, that serves one content and knows its clients. */
export class HttpsOrigin implements AsyncDisposable {
  readonly url: string;
  /** The name in the certificate of each request's client; undefined for one without. */
  readonly clients: (string | undefined)[] = [];
  readonly #server: ReturnType<typeof createServer>;

  private constructor(server: ReturnType<typeof createServer>, port: number) {
    this.#server = server;
    this.url = `https://127.0.0.1:${port}`;
  }

  static async start(certificates: Certificates, content: Uint8Array): Promise<HttpsOrigin> {
    const [ca, cert, key] = await Promise.all(
      [certificates.ca, certificates.serverCert, certificates.serverKey].map(
        async (path) => await readFile(path),
      ),
    );
    const server = createServer({
      ca: ca!,
      cert: cert!,
      key: key!,
      requestCert: true,
      rejectUnauthorized: false,
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const bound = server.address();
    if (bound === null || typeof bound === "string") throw new Error("no TCP port was bound");
    const origin = new HttpsOrigin(server, bound.port);
    server.on("request", (request, response) => {
      const socket = request.socket as TLSSocket;
      const { subject } = socket.getPeerCertificate() as { subject?: { CN?: string | string[] } };
      origin.clients.push(socket.authorized ? String(subject?.CN) : undefined);
      response.end(content);
    });
    return origin;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    if (this.#server.listening) await once(this.#server, "close");
  }
}
