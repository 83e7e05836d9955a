import type { SupernodeFrame } from "../protocol/node-frames.ts";
import type { NodeId } from "../protocol/node-id.ts";
import type { Host } from "./scheduler/scheduler.ts";

/** What a node said of itself when it connected. */
export interface NodeIntroduction {
  readonly nodeId: NodeId;
  /** Where other nodes reach it, `host:port`. */
  readonly endpoint: string;
  readonly zone: string;
  readonly software: string;
  readonly publicKey: Uint8Array;
  readonly uploadBytesPerSecond: number | undefined;
}

/** The way to a node. */
export interface NodeLink {
  send(frame: SupernodeFrame): void;
  /**
   * Sends a large frame when those before it have left; `make` is called at that time and may decide that
   * there is nothing to send any more.
   */
  sendWhenDrained(make: () => SupernodeFrame | undefined): void;
  /** How many large frames wait. */
  readonly waitingCount: number;
  close(code: number, reason: string): void;
}

/** A node while it is connected. */
export interface ConnectedNode extends NodeIntroduction {
  /** Its number at the scheduler. */
  readonly host: Host;
  readonly link: NodeLink;
  readonly connectedAtMs: number;
}
