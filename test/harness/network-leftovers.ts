import { readdir } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { isAlive } from "./process-figures.ts";
import { runCommand } from "./run-command.ts";
import { until } from "./until.ts";

const NAMESPACES = "/run/netns";

/** What the names of a run's network begin with; short, since a link's name has at most 15 characters. */
export function networkPrefix(pid: number, number: number): string {
  return `dt${pid}n${number}`;
}

/** The process that made the namespace or link of this name, or undefined when it is none of ours. */
export function ownerOf(
  name: string,
): { readonly pid: number; readonly prefix: string } | undefined {
  const match = /^(dt(\d+)n\d+)(-|$)/.exec(name);
  return match?.[1] === undefined ? undefined : { prefix: match[1], pid: Number(match[2]) };
}

/** Removes every namespace and link whose maker is dead. */
export async function removeLeftovers(): Promise<void> {
  const names = [...(await namespaces()), ...Object.keys(networkInterfaces())];
  const owners = names.map(ownerOf).filter((owner) => owner !== undefined);
  const byPrefix = new Map(owners.map((owner) => [owner.prefix, owner.pid]));
  for (const [prefix, pid] of byPrefix) {
    if (!(await isAlive(pid))) await removeNetwork(prefix);
  }
}

/** Removes what belongs to one network: its own link, its hosts and its switch. */
export async function removeNetwork(prefix: string): Promise<void> {
  await runCommand({ command: "ip", args: ["link", "delete", prefix] });
  for (const name of await namespaces()) {
    if (ownerOf(name)?.prefix === prefix) {
      await runCommand({ command: "ip", args: ["netns", "delete", name] });
    }
  }
  await until(() => !(prefix in networkInterfaces()), {
    what: `the link ${prefix} to be gone`,
  });
}

async function namespaces(): Promise<readonly string[]> {
  return await readdir(NAMESPACES).catch(() => []);
}
