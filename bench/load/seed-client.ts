import { Agent } from "undici";

import { NODE_HEADER } from "../../protocol/version.ts";

/** Connections for pieces; the nodes of a driver share them. */
const CONNECTIONS = 16;

/** Fetches the pieces that nodes are offered, and throws their bytes away. */
export class SeedClient implements AsyncDisposable {
  readonly #agent: Agent;
  readonly #origin: string;

  constructor(authority: string) {
    this.#origin = `http://${authority}`;
    this.#agent = new Agent({ connections: CONNECTIONS });
  }

  /** Fetches a piece as the node with this id. Throws when the supernode does not give it. */
  async fetch(taskId: string, piece: number, nodeId: string): Promise<void> {
    const { statusCode, body } = await this.#agent.request({
      origin: this.#origin,
      method: "GET",
      path: `/pieces/${taskId}/${piece}`,
      headers: { [NODE_HEADER]: nodeId },
    });
    await body.dump({ limit: Number.MAX_SAFE_INTEGER });
    if (statusCode !== 200)
      throw new Error(`piece ${piece} of ${taskId} was answered ${statusCode}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}
