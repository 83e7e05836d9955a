import { linkBytes } from "./link-bytes.ts";
import type { LinkBytes } from "./link-bytes.ts";
import { mustRun } from "./run-command.ts";

/** Zones of a network: hosts at a bridge of their own, which one link joins to the first bridge. */
export interface ZoneOptions {
  readonly count: number;
  /** Rate of the link that joins each zone to the rest, each way, in Mbit/s; not shaped when left out. */
  readonly rateMbitPerSecond?: number | undefined;
  /** The zone that a host stands in, from 0; undefined for one at the first bridge. */
  readonly zoneOf: (hostIndex: number) => number | undefined;
}

/** What tc is told to let a device send at this rate. */
export function tbfOf(rateMbitPerSecond: number): readonly string[] {
  const burstKib = Math.max(64, Math.ceil(rateMbitPerSecond / 2));
  return `tbf rate ${rateMbitPerSecond}mbit burst ${burstKib}kb latency 50ms`.split(" ");
}

/** The bridge of a zone, or the first bridge. */
export function bridgeOf(zone: number | undefined): string {
  return zone === undefined ? "br0" : `zone${zone}`;
}

/** Makes the bridge of a zone in the namespace of the switch, and the link between it and the first bridge. */
export async function makeZone(
  namespace: string,
  zone: number,
  rateMbitPerSecond: number | undefined,
): Promise<void> {
  const ip = async (...args: readonly string[]): Promise<void> => {
    await mustRun({ command: "ip", args: ["-n", namespace, ...args] });
  };
  const ends = [
    { device: `down${zone}`, bridge: bridgeOf(undefined) },
    { device: uplink(zone), bridge: bridgeOf(zone) },
  ];
  await ip("link", "add", bridgeOf(zone), "type", "bridge");
  await ip("link", "set", bridgeOf(zone), "up");
  await ip("link", "add", `down${zone}`, "type", "veth", "peer", "name", uplink(zone));
  for (const { device, bridge } of ends) {
    await ip("link", "set", device, "master", bridge, "up");
    if (rateMbitPerSecond === undefined) continue;
    const limit = tbfOf(rateMbitPerSecond);
    await mustRun({
      command: "tc",
      args: ["-n", namespace, "qdisc", "replace", "dev", device, "root", ...limit],
    });
  }
}

/** Bytes that crossed the link of a zone, as seen from inside it. */
export async function zoneBytes(namespace: string, zone: number): Promise<LinkBytes> {
  return await linkBytes(namespace, uplink(zone));
}

function uplink(zone: number): string {
  return `up${zone}`;
}
