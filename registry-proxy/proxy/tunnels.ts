import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";

import type { Log } from "../../platform/log.ts";
import type { AddressGate } from "../../platform/origin/address-gate.ts";
import { failureOfError } from "../../platform/origin/origin-failure.ts";
import { gatedLookup } from "../../platform/origin/gated-lookup.ts";
import { parseEndpoint } from "../../protocol/endpoint.ts";
import type { MirrorMetrics } from "../metrics.ts";
import type { CertificateAuthority } from "./certificate-authority.ts";
import type { ProxyClients } from "./proxy-clients.ts";

/** Tunnels at once; more are refused. */
export const TUNNELS_MAX = 2048;
const CONNECT_MS_MAX = 10_000;
/** A tunnel through which nothing moves. */
const SILENCE_MS_MAX = 600_000;

export interface TunnelDeps {
  readonly gate: AddressGate;
  readonly clients: ProxyClients;
  /** Hosts whose HTTPS is opened, as `host:port`, and in whose name. */
  readonly intercepted: readonly RegExp[];
  readonly authority: CertificateAuthority | undefined;
  readonly metrics: MirrorMetrics;
  readonly log: Log;
  /** Reads requests for `https://host:port` from a connection that was opened. */
  readonly serve: (socket: Duplex, base: string) => void;
}

/** What clients of the proxy ask for by CONNECT: a tunnel, whose inside stays theirs, or HTTPS that is opened here. */
export class Tunnels {
  readonly #deps: TunnelDeps;
  readonly #open = new Set<Duplex>();

  constructor(deps: TunnelDeps) {
    this.#deps = deps;
  }

  /** Answers one CONNECT request; never throws. */
  connect(request: IncomingMessage, client: Duplex, head: Buffer): void {
    client.on("error", () => client.destroy());
    const { clients, intercepted, authority, metrics } = this.#deps;
    if (!clients.has(request)) return this.#refuse(client, 403, clients.refusal);
    const target = parseEndpoint(request.url ?? "");
    if (!target || target.port === 0) return this.#refuse(client, 400, "CONNECT needs host:port");
    if (this.#open.size >= TUNNELS_MAX) {
      return this.#refuse(client, 503, `${TUNNELS_MAX} tunnels are open; try again later`);
    }
    const place = `${target.host.toLowerCase()}:${target.port}`;
    if (authority && intercepted.some((pattern) => pattern.test(place))) {
      metrics.tunnels.inc({ kind: "opened" });
      this.#open.add(client);
      client.once("close", () => this.#open.delete(client));
      return this.#intercept(client, head, authority, target);
    }
    this.#tunnel(client, head, target);
  }

  /** Cuts every tunnel. */
  close(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #intercept(
    client: Duplex,
    head: Buffer,
    authority: CertificateAuthority,
    { host, port }: { readonly host: string; readonly port: number },
  ): void {
    client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    if (head.length > 0) client.unshift(head);
    const opened = new TLSSocket(client, {
      isServer: true,
      secureContext: authority.contextFor(host.toLowerCase()),
      ALPNProtocols: ["http/1.1"],
    });
    // A client that does not trust the authority ends it here.
    opened.on("error", () => opened.destroy());
    const named = host.includes(":") ? `[${host}]` : host;
    this.#deps.serve(opened, new URL(`https://${named}:${port}`).origin);
  }

  #tunnel(
    client: Duplex,
    head: Buffer,
    { host, port }: { readonly host: string; readonly port: number },
  ): void {
    const { gate, metrics } = this.#deps;
    const named = host.includes(":") ? `[${host}]` : host;
    const place = URL.parse(`https://${named}:${port}`);
    if (!place) return this.#refuse(client, 400, "CONNECT needs host:port");
    try {
      gate.checkUrl(place);
    } catch (error) {
      return this.#refuse(client, 403, (error as Error).message);
    }
    const far = connect({ host, port, lookup: gatedLookup(gate, place) });
    const timer = setTimeout(
      () => far.destroy(Object.assign(new Error("too late"), { code: "ETIMEDOUT" })),
      CONNECT_MS_MAX,
    );
    this.#open.add(client);
    const end = (): void => {
      clearTimeout(timer);
      this.#open.delete(client);
      client.destroy();
      far.destroy();
    };
    far.once("connect", () => {
      clearTimeout(timer);
      metrics.tunnels.inc({ kind: "passed" });
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      far.write(head);
      far.setTimeout(SILENCE_MS_MAX, end);
      client.pipe(far);
      far.pipe(client);
    });
    far.once("error", (error) => {
      if (far.readyState === "open" || client.destroyed) return end();
      const { error: explained } = failureOfError(error, place.href);
      this.#refuse(client, explained.code === "ORIGIN_FORBIDDEN" ? 403 : 502, explained.message);
    });
    far.once("close", () => endSoon(client));
    client.once("close", end);
  }

  #refuse(client: Duplex, status: number, message: string): void {
    this.#deps.metrics.tunnels.inc({ kind: "refused" });
    this.#deps.log.debug({ status, reason: message }, "a tunnel was refused");
    const body = `${message}\n`;
    const head = `HTTP/1.1 ${status} ${REASONS[status] ?? "Refused"}\r\ncontent-type: text/plain; charset=utf-8\r\n`;
    client.write(
      `${head}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
    endSoon(client);
  }
}

const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  502: "Bad Gateway",
  503: "Service Unavailable",
};

/** Ends a connection when all is sent that was written to it, whether or not the other side ends it too. */
function endSoon(client: Duplex): void {
  (client as Socket).destroySoon();
}
