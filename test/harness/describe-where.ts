import { describe, inject } from "vitest";
import type { Need } from "./machine-capabilities.ts";

/** `describe` for tests that need things of the machine; where one is missing they are skipped and the title says why. */
export function describeWhere(needs: readonly Need[], title: string, tests: () => void): void {
  const { missing } = inject("machine");
  const reasons = needs.map((need) => missing[need]).filter((reason) => reason !== undefined);
  if (reasons.length === 0) describe(title, tests);
  else describe.skip(`${title} (not here: ${reasons.join("; ")})`, tests);
}
