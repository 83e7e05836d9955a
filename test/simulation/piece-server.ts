import type { Cable, Flow, FlowNetwork } from "./flow-network.ts";

const BUSY_SHARE = 0.9;

/** A transfer that can be given up. */
export interface Transfer {
  cancel(): void;
}

/**
 * A host that sends pieces over its uplink. Paced: the next one starts only while the running ones
 * leave a tenth of the uplink idle, so that pieces end one after the other; else all at once.
 */
export class PieceServer {
  readonly network: FlowNetwork;
  readonly uplink: Cable;
  readonly #isPaced: boolean;
  readonly #waiting: Sending[] = [];
  readonly #running = new Set<Sending>();
  readonly #startMore = (): void => this.#start();

  constructor(network: FlowNetwork, uplink: Cable, isPaced: boolean) {
    this.network = network;
    this.uplink = uplink;
    this.#isPaced = isPaced;
  }

  /** Sends bytes over these cables, the first being the uplink. One that stalls stops half way. */
  send(path: readonly Cable[], lengthBytes: number, stalls: boolean, ended: () => void): Transfer {
    const sending = new Sending(this, path, lengthBytes, stalls, ended);
    this.#waiting.push(sending);
    this.#start();
    return sending;
  }

  /** The host is dead: whatever it sends stands still. */
  freeze(): void {
    for (const sending of this.#running) {
      sending.isOver = true;
      if (sending.flow >= 0) this.network.stop(sending.flow);
    }
    this.#waiting.length = 0;
    this.#running.clear();
    this.network.onRoom(this.uplink, undefined);
  }

  /** A sending's bytes are on the cable. */
  sent(sending: Sending): void {
    sending.flow = -1;
    // A stalled transfer is over for the cable but not for the receiver.
    if (!sending.stalls) {
      sending.isOver = true;
      this.#running.delete(sending);
      sending.ended();
    }
    this.#start();
  }

  /** A sending was given up. */
  cancelled(sending: Sending): void {
    const index = this.#waiting.indexOf(sending);
    if (index >= 0) this.#waiting.splice(index, 1);
    this.#running.delete(sending);
    if (sending.flow >= 0) this.network.stop(sending.flow);
    this.#start();
  }

  /** Starts what is waiting if the uplink has room. */
  #start(): void {
    while (this.#waiting.length > 0) {
      if (this.#isPaced && this.network.used(this.uplink) >= BUSY_SHARE * this.uplink.rate) break;
      const sending = this.#waiting.shift()!;
      this.#running.add(sending);
      sending.begin();
    }
    this.network.onRoom(this.uplink, this.#waiting.length > 0 ? this.#startMore : undefined);
  }
}

/** One piece that a server sends. */
class Sending implements Transfer {
  readonly #server: PieceServer;
  readonly #path: readonly Cable[];
  readonly #lengthBytes: number;
  readonly stalls: boolean;
  readonly ended: () => void;
  /** -1 while it is not on the cable. */
  flow: Flow = -1;
  isOver = false;

  constructor(
    server: PieceServer,
    path: readonly Cable[],
    lengthBytes: number,
    stalls: boolean,
    ended: () => void,
  ) {
    this.#server = server;
    this.#path = path;
    this.#lengthBytes = lengthBytes;
    this.stalls = stalls;
    this.ended = ended;
  }

  begin(): void {
    const bytes = this.stalls ? this.#lengthBytes / 2 : this.#lengthBytes;
    this.flow = this.#server.network.start(this.#path, bytes, () => this.#server.sent(this));
  }

  cancel(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#server.cancelled(this);
  }
}
