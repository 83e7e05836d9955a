import { EXIT, UserError } from "../../platform/user-error.ts";
import { probeMachine } from "../../test/harness/machine-capabilities.ts";
import type { Need } from "../../test/harness/machine-capabilities.ts";

const NEEDS: readonly Need[] = ["linux", "namespaces", "ip", "tc", "nsenter", "nginx", "curl"];

/** Throws UserError (usage) with everything that the bench lacks on this machine, in one line. */
export async function requireFleetMachine(): Promise<void> {
  const { missing } = await probeMachine();
  const reasons = NEEDS.map((need) => missing[need]).filter((reason) => reason !== undefined);
  if (reasons.length === 0) return;
  throw new UserError(
    EXIT.usage,
    `the fleet bench makes hosts of network namespaces, which needs root, iproute2, nginx and curl: ${reasons.join("; ")}`,
  );
}
