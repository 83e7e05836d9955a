import type { TestProject } from "vitest/node";
import { canInstallPackages, installMissingPackages } from "./debian-packages.ts";
import { whyNoLoopDisks } from "./loop-disk.ts";
import { probeMachine, type Need } from "./machine-capabilities.ts";

const DISKS: Need = "loop disks";

/**
 * Before the end-to-end tests: installs what is missing where that is possible, and tells the tests what they can use.
 * With E2E_REQUIRE_ALL=1 in the environment a missing thing is an error and not a reason to skip, but for file systems that
 * the kernel may not have: nothing can be installed for them.
 */
export default async function setUpMachine(project: TestProject): Promise<void> {
  if (await canInstallPackages()) await installMissingPackages();
  const { missing } = await probeMachine();
  const noDisks = await whyNoLoopDisks();
  const machine = { missing: noDisks === undefined ? missing : { ...missing, [DISKS]: noDisks } };
  const reasons = Object.values(machine.missing);
  if (reasons.length > 0) {
    const sentence = `not all end-to-end tests can run here: ${reasons.join("; ")}`;
    const isKernelOnly = Object.keys(machine.missing).every((need) => need === DISKS);
    if (process.env["E2E_REQUIRE_ALL"] === "1" && !isKernelOnly) throw new Error(sentence);
    console.warn(sentence);
  }
  project.provide("machine", machine);
}
