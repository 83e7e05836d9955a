import { once } from "node:events";
import type { Socket } from "node:net";

import { SocketChunks } from "./socket-chunks.ts";

/** A connection, and what comes over it. */
export interface Line {
  readonly socket: Socket;
  readonly chunks: AsyncIterator<Uint8Array>;
}

/** Opens a connection to a unix socket; its errors come to whoever reads. */
export function openLine(socketPath: string): Line {
  const chunks = new SocketChunks(socketPath);
  return { socket: chunks.socket, chunks };
}

/**
 * Connections whose last answer was read to its end, for the next request: of many small files, to connect anew for each takes
 * both sides longer than the rest. They do not keep the process from ending.
 */
export class IdleLines {
  /** At most as many as there were requests at the same time. */
  readonly #lines: Line[] = [];

  /** The one used last; undefined where there is none that is whole. */
  take(): Line | undefined {
    for (let line = this.#lines.pop(); line; line = this.#lines.pop()) {
      if (line.socket.destroyed || line.socket.readableEnded) continue;
      line.socket.ref();
      return line;
    }
    return undefined;
  }

  /** Opens a connection before it is needed. Resolves also when that fails, of which {@link take} tells. Rejects with the signal's reason. */
  async prepare(socketPath: string, signal: AbortSignal): Promise<void> {
    const line = openLine(socketPath);
    try {
      await once(line.socket, "connect", { signal });
      this.give(line);
    } catch {
      line.socket.destroy();
      signal.throwIfAborted();
    }
  }

  give(line: Line): void {
    line.socket.unref();
    this.#lines.push(line);
  }
}
