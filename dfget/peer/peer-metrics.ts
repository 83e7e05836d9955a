import type { Registry } from "prom-client";
import { Counter, Gauge } from "prom-client";

import type { PieceSource } from "./task-session.ts";

const SOURCES: readonly PieceSource[] = ["seed", "peers", "origin"];

/** What a peer counts. One method per event. */
export class PeerMetrics {
  readonly #receivedBytes: Counter<"source">;
  readonly #receivedPieces: Counter<"source">;
  readonly #sentBytes: Counter;
  readonly #failedPieces: Counter<"reason">;

  constructor(
    registry: Registry,
    state: {
      tasks(): number;
      neighbours(): number;
      storedBytes(): number;
      damagedPieces(): number;
      isConnected(): boolean;
    },
  ) {
    const registers = [registry];
    this.#receivedBytes = new Counter({
      name: "darter_received_bytes_total",
      help: "Verified bytes received, by where they came from.",
      labelNames: ["source"],
      registers,
    });
    this.#receivedPieces = new Counter({
      name: "darter_received_pieces_total",
      help: "Verified pieces received, by where they came from.",
      labelNames: ["source"],
      registers,
    });
    for (const source of SOURCES) {
      this.#receivedBytes.inc({ source }, 0);
      this.#receivedPieces.inc({ source }, 0);
    }
    this.#sentBytes = new Counter({
      name: "darter_sent_bytes_total",
      help: "Bytes of pieces sent to other nodes.",
      registers,
    });
    this.#failedPieces = new Counter({
      name: "darter_failed_pieces_total",
      help: "Transfers that brought no piece, by why.",
      labelNames: ["reason"],
      registers,
    });
    const damagedPieces = new Counter({
      name: "darter_damaged_pieces_total",
      help: "Pieces that turned out to be lost or damaged on disk.",
      registers: [],
      collect() {
        this.reset();
        this.inc(state.damagedPieces());
      },
    });
    registry.registerMetric(damagedPieces);
    const gauge = (name: string, help: string, value: () => number): void => {
      const figure = new Gauge({
        name,
        help,
        registers: [],
        collect() {
          this.set(value());
        },
      });
      registry.registerMetric(figure);
    };
    gauge("darter_tasks", "Tasks that this node takes part in.", () => state.tasks());
    gauge("darter_neighbours", "Control connections to other nodes.", () => state.neighbours());
    gauge("darter_stored_bytes", "Bytes in the piece store.", () => state.storedBytes());
    gauge("darter_supernode_connected", "1 while there is a supernode, else 0.", () =>
      state.isConnected() ? 1 : 0,
    );
  }

  pieceReceived(source: PieceSource, lengthBytes: number): void {
    this.#receivedBytes.inc({ source }, lengthBytes);
    this.#receivedPieces.inc({ source });
  }

  pieceFailed(reason: string): void {
    this.#failedPieces.inc({ reason });
  }

  pieceSent(lengthBytes: number): void {
    this.#sentBytes.inc(lengthBytes);
  }
}
