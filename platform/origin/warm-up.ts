import { createServer } from "node:http";

import type { Clock, Random } from "../clock.ts";
import { formatEndpoint } from "../../protocol/endpoint.ts";
import { listenOn } from "../http-server.ts";
import { AddressGate } from "./address-gate.ts";
import { OriginClient } from "./origin-client.ts";
import { OriginStream } from "./origin-stream.ts";

/** Of loopback, but not the usual one: the port must be in nobody's way. */
export const WARM_UP_HOST = "127.77.0.1";
const BODY_LENGTH_BYTES = 512 * 1024;
/** The most time that a program takes to warm up. */
export const WARM_UP_MS_MAX = 2000;

/**
 * Reads a little from a server of its own on loopback, as from an origin, so that the first reader of a process does not wait
 * for what is loaded and compiled when it is first used. Takes some 40 ms, two seconds at most; returns
 * false where it did not work, which does no harm.
 */
export async function warmUpOrigins(
  parts: { readonly clock: Clock; readonly random: Random },
  signal: AbortSignal,
): Promise<boolean> {
  const body = Buffer.alloc(BODY_LENGTH_BYTES);
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-length": body.length });
    response.end(body);
  });
  try {
    const address = formatEndpoint(await listenOn(server, { host: WARM_UP_HOST, port: 0 }));
    await using client = new OriginClient({ gate: new AddressGate([address]), ...parts });
    const limited = AbortSignal.any([signal, AbortSignal.timeout(WARM_UP_MS_MAX)]);
    const request = { url: `http://${address}/`, headers: new Map<string, string>() };
    const stream = await OriginStream.open({ fetch: client.fetch, ...parts }, request, limited);
    let readBytes = 0;
    for await (const chunk of stream.chunks(limited)) readBytes += chunk.length;
    return readBytes === BODY_LENGTH_BYTES;
  } catch {
    return false;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
