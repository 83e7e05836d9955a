import type { IncomingMessage, ServerResponse } from "node:http";
import { request as undiciRequest } from "undici";
import { sendWithFaults, type OriginFaults, type OriginRequest } from "./origin-faults.ts";

/** Passes a request on to the upstream server and its answer back, with faults. Read-only: GET and HEAD. */
export async function forwardToUpstream(
  upstreamUrl: string,
  request: IncomingMessage,
  response: ServerResponse,
  faults: OriginFaults,
  seen: OriginRequest,
): Promise<void> {
  if (faults.redirectTo !== undefined) {
    return void response.writeHead(302, { location: faults.redirectTo }).end();
  }
  if (faults.status !== undefined) {
    return void response.writeHead(faults.status).end(`this is a ${faults.status}\n`);
  }
  const { host: _host, connection: _connection, range, ...headers } = request.headers;
  const stop = new AbortController();
  response.once("close", () => stop.abort());
  const answer = await undiciRequest(upstreamUrl + seen.path, {
    method: seen.method === "HEAD" ? "HEAD" : "GET",
    headers: range === undefined || faults.hasNoRanges ? headers : { ...headers, range },
    signal: stop.signal,
  });
  response.statusCode = answer.statusCode;
  for (const [name, value] of Object.entries(answer.headers)) {
    const isDropped =
      ["connection", "keep-alive", "transfer-encoding"].includes(name) ||
      (faults.isChunked && name === "content-length") ||
      (faults.hasNoRanges && name === "accept-ranges");
    if (!isDropped && value !== undefined) response.setHeader(name, value);
  }
  if (seen.method === "HEAD") {
    await answer.body.dump();
    return void response.end();
  }
  const start = /^bytes (\d+)-/.exec(String(answer.headers["content-range"] ?? ""))?.[1];
  await sendWithFaults(response, answer.body, Number(start ?? 0), faults, seen);
}
