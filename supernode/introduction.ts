import { isIP } from "node:net";

import { specialAddressKind } from "../platform/origin/special-address.ts";
import { formatEndpoint, parseEndpoint } from "../protocol/endpoint.ts";
import type { NodeFrame } from "../protocol/node-frames.ts";
import { parseNodeId } from "../protocol/node-id.ts";
import { FrameError } from "../protocol/wire.ts";
import type { NodeIntroduction } from "./connected-node.ts";

/**
 * Checks how a node introduces itself. A node that does not know its own address names an unspecified one, such as
 * 0.0.0.0, and is then found at the address that it connects from. Throws FrameError.
 */
export function parseIntroduction(frame: NodeFrame, remoteAddress: string): NodeIntroduction {
  if (frame.kind !== "hello") throw new FrameError(`${frame.kind} came before hello`);
  const nodeId = parseNodeId(frame.nodeId);
  if (!nodeId) throw new FrameError("the node id is not 32 hex digits");
  if (frame.publicKey.length !== 32) throw new FrameError("the node's key is not 32 bytes");
  return {
    nodeId,
    endpoint: reachableEndpoint(frame.endpoint, remoteAddress),
    zone: frame.zone,
    software: frame.software,
    publicKey: frame.publicKey.slice(),
    uploadBytesPerSecond: frame.uploadBytesPerSecond,
  };
}

function reachableEndpoint(text: string, remoteAddress: string): string {
  const endpoint = parseEndpoint(text);
  if (!endpoint || endpoint.port === 0)
    throw new FrameError("the node's endpoint is not host:port");
  const kind = isIP(endpoint.host) === 0 ? undefined : specialAddressKind(endpoint.host);
  if (kind === undefined || kind === "loopback") return formatEndpoint(endpoint);
  if (kind === "unspecified") {
    const host = remoteAddress.replace(/^::ffff:(?=\d+\.)/, "");
    return formatEndpoint({ host, port: endpoint.port });
  }
  throw new FrameError(`the node's endpoint is a ${kind} address`);
}
