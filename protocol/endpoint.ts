/** Where a process can be reached, an IP address or a host name and a port. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `host:port` or `[v6]:port`. Returns undefined when it is neither, or the port is not in
 * 0..65535; port 0 stands for "any free port" when listening.
 */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]{1,253})):(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const port = Number(match[3]);
  if (port > 65_535) return undefined;
  return { host: (match[1] ?? match[2])!, port };
}

/** Writes an endpoint so that {@link parseEndpoint} reads it back. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
