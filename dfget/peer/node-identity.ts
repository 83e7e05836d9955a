import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Endpoint } from "../../protocol/endpoint.ts";
import { formatEndpoint } from "../../protocol/endpoint.ts";
import type { NodeId } from "../../protocol/node-id.ts";
import { parseNodeId } from "../../protocol/node-id.ts";
import { makeDirectory } from "../../platform/make-directory.ts";
import { Signer } from "../../platform/signing.ts";
import { VERSION } from "../../platform/version.ts";
import type { Hello } from "./supernode-link.ts";

/** Who a node is to the others: the same after every restart with the same data directory. */
export interface NodeIdentity {
  readonly nodeId: NodeId;
  /** Signs pieces that this node had to read from the origin itself. */
  readonly signer: Signer;
}

/** The identity kept in a data directory, made where there is none or it cannot be read as one. */
export async function loadNodeIdentity(dataDir: string): Promise<NodeIdentity> {
  await makeDirectory(dataDir);
  const path = join(dataDir, "node-id");
  const kept = parseNodeId((await readFile(path, "utf8").catch(() => "")).trim());
  const nodeId = kept ?? parseNodeId(randomBytes(16).toString("hex"))!;
  if (!kept) await writeFile(path, `${nodeId}\n`);
  return { nodeId, signer: await Signer.load(join(dataDir, "node-key.pem")) };
}

/** How a node introduces itself to a supernode. */
export function helloOf({ nodeId, signer }: NodeIdentity, endpoint: Endpoint, zone: string): Hello {
  return {
    kind: "hello",
    nodeId,
    endpoint: formatEndpoint(endpoint),
    zone,
    publicKey: signer.publicKey,
    software: `darter/${VERSION}`,
  };
}
