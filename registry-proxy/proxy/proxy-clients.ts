import type { IncomingMessage } from "node:http";
import type { BlockList } from "node:net";

import { listHas } from "../../platform/origin/special-address.ts";
import { isLocalClient } from "../access/own-challenge.ts";

/** Who may use the proxy: programs of this machine, and other machines that are listed. */
export class ProxyClients {
  readonly #listed: BlockList;
  /** What others are told. */
  readonly refusal =
    "the proxy serves its own machine; list others under clients in its configuration";

  constructor(listed: BlockList) {
    this.#listed = listed;
  }

  has(request: IncomingMessage): boolean {
    const address = request.socket.remoteAddress?.replace(/^::ffff:/, "");
    return isLocalClient(request) || (address !== undefined && listHas(this.#listed, address));
  }
}
