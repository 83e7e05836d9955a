import { describe, expect, it } from "vitest";

import { Signer, TrustedKeys } from "../../platform/signing.ts";
import type { Digest } from "../../protocol/digest.ts";
import type { NodeId } from "../../protocol/node-id.ts";
import { digestTaskId, privateTaskId } from "../../protocol/task-id.ts";
import { AdmissionGate } from "./admission-gate.ts";

const DIGEST = `sha256:${"ab".repeat(32)}` as Digest;
const TASK = privateTaskId(DIGEST, "0".repeat(24));
const NODE = "a".repeat(32) as NodeId;

function setup() {
  const supernode = Signer.ephemeral();
  const keys = new TrustedKeys();
  keys.add(supernode.publicKey);
  const calendar = { nowMs: 1000 };
  const gate = new AdmissionGate(keys, () => calendar.nowMs);
  const admission = (signer = supernode, taskId: string = TASK, nodeId: string = NODE) =>
    Buffer.from(signer.admit(taskId, nodeId, { grantedAtMs: 0, untilMs: 5000 })).toString(
      "base64url",
    );
  return { gate, admission, calendar };
}

describe("a node's gate", () => {
  it("lets everybody have the pieces of a task that is not private", () => {
    expect(setup().gate.admits(digestTaskId(DIGEST), undefined, undefined)).toBe(true);
  });

  it("lets a node that a supernode admitted have those of a private one, until the admission ends", () => {
    const { gate, admission, calendar } = setup();
    const shown = admission();
    expect(gate.admits(TASK, NODE, shown)).toBe(true);
    calendar.nowMs = 4999;
    expect(gate.admits(TASK, NODE, shown)).toBe(true);
    calendar.nowMs = 5000;
    expect(gate.admits(TASK, NODE, shown)).toBe(false);
  });

  it("keeps out who shows nothing, or something else", () => {
    const { gate, admission } = setup();
    const otherTask = privateTaskId(DIGEST, "1".repeat(24));
    expect(gate.admits(TASK, NODE, undefined)).toBe(false);
    expect(gate.admits(TASK, undefined, admission())).toBe(false);
    expect(gate.admits(TASK, NODE, "")).toBe(false);
    expect(gate.admits(TASK, NODE, admission(Signer.ephemeral()))).toBe(false);
    expect(gate.admits(TASK, NODE, admission(undefined, otherTask))).toBe(false);
    expect(gate.admits(TASK, NODE, admission(undefined, DIGEST))).toBe(false);
    expect(gate.admits(TASK, "b".repeat(32) as NodeId, admission())).toBe(false);
  });
});
