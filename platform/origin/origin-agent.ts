import type { Socket } from "node:net";
import type { SecureContext } from "node:tls";
import { createSecureContext, getCACertificates } from "node:tls";
import type { Dispatcher, Pool as Pools, buildConnector as Connectors } from "undici";
import buildConnector from "undici/lib/core/connect.js";
import Agent from "undici/lib/dispatcher/agent.js";
import Pool from "undici/lib/dispatcher/pool.js";
import ProxyAgent from "undici/lib/dispatcher/proxy-agent.js";

import type { AddressGate } from "./address-gate.ts";
import { OriginBook } from "./origin-book.ts";
import { gatedLookup } from "./gated-lookup.ts";
import type { Environment } from "./origin-proxy.ts";
import { proxyOf } from "./origin-proxy.ts";
import { ReceiveBuffers } from "./receive-buffers.ts";

/** Limits of the connections to origins. Times are milliseconds. */
export interface OriginAgentOptions {
  /** Connections to one origin; more requests wait. */
  readonly connectionsPerOrigin: number;
  /** Origins that connections are kept to at once; more are refused. */
  readonly originsMax: number;
  readonly connectTimeoutMs: number;
  /** From the request's last byte to the answer's last header. */
  readonly headersTimeoutMs: number;
  /** Between two parts of a body while somebody waits for it. */
  readonly stallTimeoutMs: number;
  readonly headersLengthBytesMax: number;
  /** Where proxies are named. */
  readonly environment: Environment;
  /** How secure connections are made; by the usual authorities and without a certificate when undefined. */
  readonly tls: OriginTls | undefined;
  /** What was said about single origins. */
  readonly book: OriginBook;
}

/** Certificates of one user, in PEM. */
export interface OriginTls {
  /** The authorities to trust, instead of the usual ones. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Whether any certificate will do. */
  readonly isInsecure: boolean;
}

export const defaultOriginAgentOptions: OriginAgentOptions = {
  connectionsPerOrigin: 128,
  originsMax: 1024,
  connectTimeoutMs: 10_000,
  headersTimeoutMs: 60_000,
  stallTimeoutMs: 30_000,
  headersLengthBytesMax: 64 * 1024,
  environment: process.env,
  tls: undefined,
  book: new OriginBook(),
};

/** Connections to origins, each to an address that passed the gate. */
export function createOriginAgent(gate: AddressGate, options: OriginAgentOptions): Dispatcher {
  return new Agent({
    connections: options.connectionsPerOrigin,
    maxOrigins: options.originsMax,
    headersTimeout: options.headersTimeoutMs,
    bodyTimeout: options.stallTimeoutMs,
    maxHeaderSize: options.headersLengthBytesMax,
    allowH2: false,
    pipelining: 1,
    factory: (origin, poolOptions) => {
      const url = new URL(origin);
      const tls = options.book.entryOf(url)?.tls ?? options.tls;
      const proxy = proxyOf(url, options.environment);
      if (proxy) return throughProxy(url, proxy, poolOptions, tls);
      return new Pool(origin, {
        ...(poolOptions as Pools.Options),
        connect: gatedConnector(gate, url, { ...options, tls }),
      });
    },
  });
}

/** Connections to an origin through a proxy, which resolves its name and has rules of its own for addresses. */
function throughProxy(
  origin: URL,
  proxy: URL,
  poolOptions: Pools.Options,
  tls: OriginTls | undefined,
): Dispatcher {
  const { connect: _connect, ...others } = poolOptions;
  return new ProxyAgent({
    ...others,
    uri: proxy.href,
    proxyTunnel: origin.protocol === "https:",
    ...(origin.protocol === "https:" ? { requestTls: secureOptions(tls) } : {}),
  });
}

function secureOptions(tls: OriginTls | undefined) {
  return {
    secureContext: tls ? ownContext(tls) : trustedContext(),
    ...(tls?.isInsecure === true ? { rejectUnauthorized: false } : {}),
  };
}

function gatedConnector(
  gate: AddressGate,
  origin: URL,
  { connectTimeoutMs, stallTimeoutMs, tls }: OriginAgentOptions,
): Connectors.connector {
  const common = {
    timeout: connectTimeoutMs,
    allowH2: false,
    lookup: gatedLookup(gate, origin),
  };
  const isPlain = origin.protocol === "http:";
  const secure = isPlain ? undefined : buildConnector({ ...common, ...secureOptions(tls) });
  return (target, callback) => {
    try {
      // An address in place of a name is never looked up.
      gate.checkUrl(origin);
    } catch (error) {
      callback(error as Error, null);
      return;
    }
    const buffers = new ReceiveBuffers(stallTimeoutMs);
    const connect = secure ?? buildConnector({ ...common, onread: buffers.onread });
    connect(target, (...answer) => {
      const [, socket] = answer;
      if (socket) tellResetFromEnd(socket);
      if (socket && isPlain) buffers.attach(socket);
      callback(...answer);
    });
  };
}

/**
 * Undici takes ECONNRESET for the end of a body that lasts until the connection closes, as after an HTTP/1.0 answer
 * without a length. Such a body may be cut anywhere, so the error gets a code that counts as one.
 */
function tellResetFromEnd(socket: Socket): void {
  socket.prependListener("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "ECONNRESET") error.code = "ECONNABORTED";
  });
}

let context: SecureContext | undefined;

/** Trusts the certificate authorities that come with Node and those of the operating system. */
function trustedContext(): SecureContext {
  context ??= createSecureContext({
    ca: [...new Set([...getCACertificates("default"), ...getCACertificates("system")])],
  });
  return context;
}

function ownContext({ ca, cert, key }: OriginTls): SecureContext {
  if (ca === undefined && cert === undefined) return trustedContext();
  return createSecureContext({
    ca: ca ?? [...new Set([...getCACertificates("default"), ...getCACertificates("system")])],
    ...(cert === undefined ? {} : { cert, key: key ?? cert }),
  });
}
