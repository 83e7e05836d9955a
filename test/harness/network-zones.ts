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

/** A limit of what one end of a link sends. */
export interface LinkLimit {
  readonly rateMbitPerSecond: number;
  /** How long a packet waits at most before it is sent; what would wait longer is dropped. 50 when left out. */
  readonly queueMs?: number | undefined;
}

/** What tc is told to let a device send so much. */
export function tbfOf({ rateMbitPerSecond, queueMs = 50 }: LinkLimit): readonly string[] {
  const burstKib = Math.max(64, Math.ceil(rateMbitPerSecond / 2));
  return `tbf rate ${rateMbitPerSecond}mbit burst ${burstKib}kb latency ${queueMs}ms`.split(" ");
}

/** The bridge of a zone, or the first bridge. */
export function bridgeOf(zone: number | undefined): string {
  return zone === undefined ? "br0" : `zone${zone}`;
}

/** Makes the bridge of a zone in the namespace of the switch, and the link between it and the first bridge. */
export async function makeZone(
  namespace: string,
  zone: number,
  linkLimit: LinkLimit | undefined,
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
    if (linkLimit === undefined) continue;
    const limit = tbfOf(linkLimit);
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
