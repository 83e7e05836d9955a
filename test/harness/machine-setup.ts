import type { TestProject } from "vitest/node";
import { canInstallPackages, installMissingPackages } from "./debian-packages.ts";
import { probeMachine } from "./machine-capabilities.ts";

/**
 * Before the end-to-end tests: installs what is missing where that is possible, and tells the tests what they can use.
 * With E2E_REQUIRE_ALL=1 in the environment a missing thing is an error and not a reason to skip.
 */
export default async function setUpMachine(project: TestProject): Promise<void> {
  if (await canInstallPackages()) await installMissingPackages();
  const machine = await probeMachine();
  const reasons = Object.values(machine.missing);
  if (reasons.length > 0) {
    const sentence = `not all end-to-end tests can run here: ${reasons.join("; ")}`;
    if (process.env["E2E_REQUIRE_ALL"] === "1") throw new Error(sentence);
    console.warn(sentence);
  }
  project.provide("machine", machine);
}
