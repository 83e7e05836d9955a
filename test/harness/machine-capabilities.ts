import { missingTools, type Tool } from "./machine-tools.ts";
import { networkPrefix } from "./network-leftovers.ts";
import { runCommand } from "./run-command.ts";

/** What tests can use on this machine. For each thing that is missing there is a sentence that says why. */
export interface MachineCapabilities {
  readonly missing: Readonly<Partial<Record<Need, string>>>;
}

/** Something a test may need: hosts in network namespaces with shaped links, disks in files, or a program. */
export type Need = "linux" | "namespaces" | "loop disks" | Tool;

declare module "vitest" {
  interface ProvidedContext {
    machine: MachineCapabilities;
  }
}

/** Looks at the machine, but for disks; changes nothing that stays. */
export async function probeMachine(): Promise<MachineCapabilities> {
  const missing: Partial<Record<Need, string>> = {};
  if (process.platform !== "linux") missing.linux = "this is not Linux";
  for (const tool of await missingTools()) missing[tool] = `${tool} is not installed`;
  const reason = await whyNoNamespaces();
  if (reason !== undefined) missing.namespaces = reason;
  return { missing };
}

async function whyNoNamespaces(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "network namespaces need root";
  const name = `${networkPrefix(process.pid, 9999)}-try`;
  const steps = [
    ["ip", "netns", "add", name],
    ["ip", "-n", name, "link", "add", "br0", "type", "bridge"],
    ["ip", "-n", name, "link", "add", "veth0", "type", "veth", "peer", "name", "veth1"],
    [
      "tc",
      "-n",
      name,
      ..."qdisc add dev veth0 root tbf rate 10mbit burst 64kb latency 50ms".split(" "),
    ],
  ];
  try {
    for (const [command = "", ...args] of steps) {
      const { code, stderr } = await runCommand({ command, args });
      if (code !== 0) return `"${[command, ...args].join(" ")}" fails here: ${stderr.trim()}`;
    }
    return undefined;
  } finally {
    await runCommand({ command: "ip", args: ["netns", "delete", name] });
  }
}
