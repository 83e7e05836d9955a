import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { NodeId } from "../../protocol/node-id.ts";
import { parseNodeId } from "../../protocol/node-id.ts";
import { Signer } from "../../platform/signing.ts";

/** Who a node is to the others: the same after every restart with the same data directory. */
export interface NodeIdentity {
  readonly nodeId: NodeId;
  /** Signs pieces that this node had to read from the origin itself. */
  readonly signer: Signer;
}

/** The identity kept in a data directory, made where there is none or it cannot be read as one. */
export async function loadNodeIdentity(dataDir: string): Promise<NodeIdentity> {
  await mkdir(dataDir, { recursive: true });
  const path = join(dataDir, "node-id");
  const kept = parseNodeId((await readFile(path, "utf8").catch(() => "")).trim());
  const nodeId = kept ?? parseNodeId(randomBytes(16).toString("hex"))!;
  if (!kept) await writeFile(path, `${nodeId}\n`);
  return { nodeId, signer: await Signer.load(join(dataDir, "node-key.pem")) };
}
