import { mustRun } from "./run-command.ts";
import { networkPrefix, removeLeftovers, removeNetwork } from "./network-leftovers.ts";
import { linkBytes } from "./link-bytes.ts";
import type { LinkBytes } from "./link-bytes.ts";
import { bridgeOf, makeZone, tbfOf, zoneBytes } from "./network-zones.ts";
import type { ZoneOptions } from "./network-zones.ts";

export interface NetworkOptions {
  readonly hostCount: number;
  /** Rate of each host's link, each way, in Mbit/s, by host index; a host without one is not shaped. */
  readonly rateMbitPerSecond?: (hostIndex: number) => number | undefined;
  /** How long a packet may wait at an end of a shaped link, in milliseconds; 50 when left out. */
  readonly queueMs?: number;
  /** Groups of hosts behind bridges of their own; all hosts stand at one bridge when left out. */
  readonly zones?: ZoneOptions;
}

/** One host of a network: a network namespace with one address and one link. */
export interface Host {
  readonly index: number;
  readonly networkNamespace: string;
  readonly address: string;
}

let networksMade = 0;

const TCP_SETTINGS = {
  // The same on every machine, and always there: BBR, the default of some, overfills links shaped by tbf.
  tcp_congestion_control: "reno",
  // All hosts share one machine, and each packet costs it the same whatever its length: slow connections
  // send trains of eight packets at a time instead of two.
  tcp_min_tso_segs: "4",
};

/**
 * Hosts (network namespaces) on one bridge, which stands in a namespace of its own; this process is reachable
 * from the hosts, and reaches them, at `ownAddress`. All is removed at disposal. Needs root and iproute2.
 */
export class Network implements AsyncDisposable {
  readonly hosts: readonly Host[];
  readonly ownAddress: string;
  readonly #prefix: string;

  private constructor(prefix: string, hosts: readonly Host[], ownAddress: string) {
    this.#prefix = prefix;
    this.hosts = hosts;
    this.ownAddress = ownAddress;
  }

  static async create(options: NetworkOptions): Promise<Network> {
    await removeLeftovers();
    const prefix = networkPrefix(process.pid, networksMade++);
    const subnet = await freeSubnet();
    const hosts = Array.from({ length: options.hostCount }, (_, index) => ({
      index,
      networkNamespace: `${prefix}-h${index}`,
      address: `${subnet}.${index + 1}`,
    }));
    const network = new Network(prefix, hosts, `${subnet}.254`);
    try {
      await network.#makeSwitch();
      for (let zone = 0; zone < (options.zones?.count ?? 0); zone++) {
        const rate = options.zones?.rateMbitPerSecond;
        const limit =
          rate === undefined ? undefined : { rateMbitPerSecond: rate, queueMs: options.queueMs };
        await makeZone(network.#switch, zone, limit);
      }
      for (const host of hosts) {
        await network.#addHost(host, bridgeOf(options.zones?.zoneOf(host.index)));
        const rate = options.rateMbitPerSecond?.(host.index);
        if (rate !== undefined) await network.shape(host, rate, options.queueMs);
      }
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
    return network;
  }

  /** The host with this index; an error when there is none. */
  host(index: number): Host {
    const host = this.hosts[index];
    if (host === undefined)
      throw new Error(`the network has ${this.hosts.length} hosts, no ${index}`);
    return host;
  }

  /** Limits the host's link to this rate, each way; replaces an earlier limit. */
  async shape(host: Host, rateMbitPerSecond: number, queueMs?: number): Promise<void> {
    const limit = tbfOf({ rateMbitPerSecond, queueMs });
    await this.#tc(host.networkNamespace, "qdisc", "replace", "dev", "eth0", "root", ...limit);
    await this.#tc(this.#switch, "qdisc", "replace", "dev", `h${host.index}`, "root", ...limit);
  }

  /** Bytes that crossed the host's link since it was made, headers included. */
  async linkBytes(host: Host): Promise<LinkBytes> {
    return await linkBytes(host.networkNamespace, "eth0");
  }

  /** Bytes that crossed the zone's uplink since it was made, headers included, as seen from inside the zone. */
  async zoneBytes(zone: number): Promise<LinkBytes> {
    return await zoneBytes(this.#switch, zone);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeNetwork(this.#prefix);
  }

  get #switch(): string {
    return `${this.#prefix}-sw`;
  }

  async #makeSwitch(): Promise<void> {
    const namespace = this.#switch;
    await this.#ip("netns", "add", namespace);
    await this.#ip("-n", namespace, "link", "add", "br0", "type", "bridge");
    await this.#ip("-n", namespace, "link", "set", "br0", "up");
    await this.#ip(
      ..."link add".split(" "),
      this.#prefix,
      "type",
      "veth",
      "peer",
      "name",
      "own",
      "netns",
      namespace,
    );
    await this.#ip("-n", namespace, "link", "set", "own", "master", "br0", "up");
    await this.#ip("addr", "add", `${this.ownAddress}/24`, "dev", this.#prefix);
    await this.#ip("link", "set", this.#prefix, "up");
  }

  async #addHost(host: Host, bridge: string): Promise<void> {
    const namespace = host.networkNamespace;
    const port = `h${host.index}`;
    await this.#ip("netns", "add", namespace);
    await this.#ip(
      ..."link add eth0 netns".split(" "),
      namespace,
      ..."type veth peer name".split(" "),
      port,
      "netns",
      this.#switch,
    );
    await this.#ip("-n", this.#switch, "link", "set", port, "master", bridge, "up");
    await this.#ip("-n", namespace, "addr", "add", `${host.address}/24`, "dev", "eth0");
    await this.#ip("-n", namespace, "link", "set", "lo", "up");
    await this.#ip("-n", namespace, "link", "set", "eth0", "up");
    const settings = Object.entries(TCP_SETTINGS).map(
      ([name, value]) => `echo ${value} > /proc/sys/net/ipv4/${name}`,
    );
    await mustRun({
      command: "sh",
      args: ["-ec", settings.join("\n")],
      networkNamespace: namespace,
    });
  }

  async #ip(...args: readonly string[]): Promise<void> {
    await mustRun({ command: "ip", args });
  }

  async #tc(namespace: string, ...args: readonly string[]): Promise<void> {
    await mustRun({ command: "tc", args: ["-n", namespace, ...args] });
  }
}

async function freeSubnet(): Promise<string> {
  const used = await mustRun({ command: "ip", args: ["-4", "route", "show", "table", "all"] });
  for (let third = process.pid % 200; third < 456; third++) {
    const subnet = `10.77.${third % 250}`;
    if (!used.includes(`${subnet}.`)) return subnet;
  }
  throw new Error("no free 10.77.x.0/24 network is left on this machine");
}
