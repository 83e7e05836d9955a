import type { Registry } from "prom-client";
import { Counter, Gauge } from "prom-client";

import type { NodeFrame, SupernodeFrame } from "../protocol/node-frames.ts";

/** Live figures, asked for when the metrics are. */
export interface MetricsSources {
  readonly nodes: () => number;
  readonly tasks: () => number;
  readonly storedBytes: () => number;
}

/** The supernode's figures. No label ever holds a digest or a node. */
export interface SupernodeMetrics {
  originRequest(): void;
  originProbe(): void;
  originBytes(lengthBytes: number): void;
  seedPiece(lengthBytes: number): void;
  /** "left": before the whole of it was there, as of what is read in parts. */
  taskEnded(state: "complete" | "failed" | "left"): void;
  garbageFrame(): void;
  frameReceived(kind: NodeFrame["kind"]): void;
  frameSent(kind: SupernodeFrame["kind"]): void;
}

/** Makes the supernode's metrics in a registry. */
export function createSupernodeMetrics(
  registry: Registry,
  sources: MetricsSources,
): SupernodeMetrics {
  const registers = [registry];
  const counter = (name: string, help: string) => new Counter({ name, help, registers });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  const originRequests = counter(
    "supernode_origin_requests_total",
    "Requests for content sent to origins.",
  );
  const originProbes = counter(
    "supernode_origin_probes_total",
    "HEAD requests sent to origins to find out which version of a URL they have.",
  );
  const originBytes = counter(
    "supernode_origin_received_bytes_total",
    "Bytes of content received from origins.",
  );
  const seedBytes = counter("supernode_seed_sent_bytes_total", "Bytes of pieces sent to nodes.");
  const seedPieces = counter("supernode_seed_pieces_total", "Piece requests of nodes answered.");
  const garbage = counter(
    "supernode_garbage_frames_total",
    "Connections of nodes closed because of a frame that could not be read.",
  );
  const frames = (name: string, help: string) =>
    new Counter({ name, help, labelNames: ["kind"], registers });
  const framesReceived = frames(
    "supernode_frames_received_total",
    "Control frames received from nodes, by kind.",
  );
  const framesSent = frames(
    "supernode_frames_sent_total",
    "Control frames sent to nodes, by kind.",
  );
  const ended = new Counter({
    name: "supernode_tasks_ended_total",
    help: "Tasks that no node takes part in any more, by how they ended.",
    labelNames: ["state"],
    registers,
  });
  gauge("supernode_nodes", "Nodes connected now.", sources.nodes);
  gauge("supernode_tasks", "Tasks that nodes take part in now.", sources.tasks);
  gauge("supernode_stored_bytes", "Bytes of pieces on the disk.", sources.storedBytes);
  return {
    originRequest: () => originRequests.inc(),
    originProbe: () => originProbes.inc(),
    originBytes: (lengthBytes) => originBytes.inc(lengthBytes),
    seedPiece: (lengthBytes) => {
      seedPieces.inc();
      seedBytes.inc(lengthBytes);
    },
    taskEnded: (state) => ended.inc({ state }),
    garbageFrame: () => garbage.inc(),
    frameReceived: (kind) => framesReceived.inc({ kind }),
    frameSent: (kind) => framesSent.inc({ kind }),
  };
}
