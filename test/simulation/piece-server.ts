import type { Cable, Flow, FlowNetwork } from "./flow-network.ts";

const BUSY_SHARE = 0.9;

interface Sending {
  readonly cables: readonly Cable[];
  readonly lengthBytes: number;
  readonly stalls: boolean;
  readonly ended: () => void;
  flow: Flow | undefined;
  isOver: boolean;
}

/** A transfer that can be given up. */
export interface Transfer {
  cancel(): void;
}

/**
 * A host that sends pieces over its uplink. Paced: the next one starts only while the running ones
 * leave a tenth of the uplink idle, so that pieces end one after the other; else all at once.
 */
export class PieceServer {
  readonly #network: FlowNetwork;
  readonly uplink: Cable;
  readonly #isPaced: boolean;
  readonly #waiting: Sending[] = [];
  readonly #running = new Set<Sending>();

  constructor(network: FlowNetwork, uplink: Cable, isPaced: boolean) {
    this.#network = network;
    this.uplink = uplink;
    this.#isPaced = isPaced;
  }

  /** Sends bytes over these cables, the first being the uplink. One that stalls stops half way. */
  send(
    cables: readonly Cable[],
    lengthBytes: number,
    stalls: boolean,
    ended: () => void,
  ): Transfer {
    const sending: Sending = {
      cables,
      lengthBytes,
      stalls,
      ended,
      flow: undefined,
      isOver: false,
    };
    this.#waiting.push(sending);
    this.startMore();
    return { cancel: () => this.#cancel(sending) };
  }

  /** Starts what is waiting if the uplink has room. */
  startMore(): void {
    while (this.#waiting.length > 0) {
      if (this.#isPaced && this.uplink.used >= BUSY_SHARE * this.uplink.rate) return;
      const sending = this.#waiting.shift()!;
      this.#running.add(sending);
      const bytes = sending.stalls ? sending.lengthBytes / 2 : sending.lengthBytes;
      sending.flow = this.#network.start(sending.cables, bytes, () => {
        // A stalled transfer is over for the cable but not for the receiver.
        if (!sending.stalls) {
          sending.isOver = true;
          this.#running.delete(sending);
          sending.ended();
        }
        this.startMore();
      });
    }
  }

  /** The host is dead: whatever it sends stands still. */
  freeze(): void {
    for (const sending of this.#running) {
      sending.isOver = true;
      if (sending.flow !== undefined) this.#network.freeze(sending.flow);
    }
    this.#waiting.length = 0;
    this.#running.clear();
  }

  #cancel(sending: Sending): void {
    if (sending.isOver) return;
    sending.isOver = true;
    const index = this.#waiting.indexOf(sending);
    if (index >= 0) this.#waiting.splice(index, 1);
    this.#running.delete(sending);
    if (sending.flow !== undefined) this.#network.stop(sending.flow);
    this.startMore();
  }
}
