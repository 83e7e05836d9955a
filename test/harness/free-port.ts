import { randomInt } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type ListenOptions, type Server } from "node:net";
import { until } from "./until.ts";

/** Below what Linux gives to outgoing connections (32768 and up), one of which could take the port meanwhile. */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_767;
const TRIES_MAX = 1000;

/**
 * A TCP port that is free on `address`, for programs that must be told a number. No other test gets the same as long
 * as this process lives. Throws when it finds none.
 */
export async function freePort(address = "127.0.0.1"): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    // An abstract socket of Linux, which the kernel frees however the process ends, stands for the port.
    const claim = await listening({ path: `\0darter-port-${port}` });
    if (claim === undefined) continue;
    claim.unref();
    const server = await listening({ host: address, port });
    if (server === undefined) continue;
    server.close();
    await once(server, "close");
    return port;
  }
  throw new Error(`no port of ${TRIES_MAX} tried is free on ${address}`);
}

async function listening(place: ListenOptions): Promise<Server | undefined> {
  const server = createServer();
  server.listen(place);
  try {
    await once(server, "listening");
    return server;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return undefined;
    throw error;
  }
}

/** Waits until something accepts connections at the place. */
export async function portAnswers(
  address: string,
  port: number,
  options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
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
