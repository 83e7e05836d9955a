import { nodeFrames, supernodeFrames } from "../../protocol/node-frames.ts";
import { peerFrames } from "../../protocol/peer-frames.ts";
import type { Work } from "./measure.ts";

/** Frames that are many: what peers and the supernode say for every few pieces. */
export function frameWorks(): Work[] {
  const have = { kind: "have", task: 3, pieces: [17, 18, 120, 900], freeSlots: 2 } as const;
  const haveBytes = peerFrames.encode(have);
  const grantBytes = peerFrames.encode({ kind: "grant", task: 3 });
  const progress = { kind: "progress", task: 3, have: new Uint8Array(128).fill(0x5a) } as const;
  const progressBytes = nodeFrames.encode(progress);
  const neighbours = Array.from({ length: 24 }, (_, index) => ({
    nodeId: index.toString(16).padStart(32, "0"),
    endpoint: `10.0.0.${index}:65002`,
  }));
  const task = {
    kind: "task",
    task: 3,
    taskId: `sha256:${"ab".repeat(32)}`,
    pieceLengthBytes: 1_048_576,
    lengthBytes: 200_000_000,
    neighbours,
  } as const;
  const taskBytes = supernodeFrames.encode(task);
  return [
    { name: "write a have of 4 pieces", run: () => peerFrames.encode(have).length },
    { name: "read a have of 4 pieces", run: () => (peerFrames.decode(haveBytes) ? 1 : 0) },
    { name: "read a grant", run: () => (peerFrames.decode(grantBytes) ? 1 : 0) },
    { name: "write a progress of 1024 pieces", run: () => nodeFrames.encode(progress).length },
    {
      name: "read a progress of 1024 pieces",
      run: () => (nodeFrames.decode(progressBytes) ? 1 : 0),
    },
    { name: "write an answer with 24 neighbours", run: () => supernodeFrames.encode(task).length },
    {
      name: "read an answer with 24 neighbours",
      run: () => (supernodeFrames.decode(taskBytes) ? 1 : 0),
    },
  ];
}
