import type { IncomingMessage } from "node:http";

const HOST = /^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

/**
 * The challenge by which a client is sent to our own token endpoint, at the address that it reached us by; undefined when
 * that address cannot be told.
 */
export function ownChallenge(
  request: IncomingMessage,
  clientName: string | undefined,
): string | undefined {
  const { host } = request.headers;
  if (host === undefined || !HOST.test(host)) return undefined;
  const scope = clientName === undefined ? "" : `,scope="repository:${clientName}:pull"`;
  return `Bearer realm="http://${host}/token",service="darter"${scope}`;
}

/** Whether the client is a program of this machine, so that a password on its way to us crosses no network. */
export function isLocalClient(request: IncomingMessage): boolean {
  const address = (request.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  return address === "::1" || address.startsWith("127.");
}
