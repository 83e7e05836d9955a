import { once } from "node:events";
import { connect, createServer } from "node:net";
import { until } from "./until.ts";

/**
 * A TCP port that was free on `address` a moment ago, for programs that must be told a number.
 * Linux hands such ports out far apart, so two callers rarely meet.
 */
export async function freePort(address = "127.0.0.1"): Promise<number> {
  const server = createServer();
  server.listen(0, address);
  await once(server, "listening");
  const bound = server.address();
  server.close();
  await once(server, "close");
  if (bound === null || typeof bound === "string") throw new Error("no TCP port was bound");
  return bound.port;
}

/** Waits until something accepts connections at the place. */
export async function portAnswers(
  address: string,
  port: number,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<void> {
  await until(() => accepts(address, port), {
    ...options,
    what: `${address}:${port} to accept connections`,
  });
}

/** Whether something accepts a connection at the place right now. */
export async function accepts(address: string, port: number): Promise<boolean> {
  const socket = connect({ host: address, port, timeout: 1000 });
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once("connect", () => resolve(true));
  socket.once("timeout", () => resolve(false));
  socket.once("error", () => resolve(false));
  const answer = await promise;
  socket.destroy();
  return answer;
}
