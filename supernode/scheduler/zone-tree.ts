import { STRIPE_COUNT, type Host } from "./scheduler-out.ts";

const LABELS = 3;
const LABEL_LENGTH_MAX = 64;

/** The members of a task that stand in the same zone, and who of them brings in which stripes. */
export class ZoneGroup {
  readonly node: ZoneNode;
  readonly members: Host[] = [];
  /** Stripe to the host that brings it in; empty while no member may. */
  readonly owners: (Host | undefined)[] = [];
  /** Every stripe has another owner: who joins now brings in nothing. */
  isDealt = false;
  /** When a starving member last took the stripe over. */
  readonly takenMs = new Float64Array(STRIPE_COUNT).fill(-Infinity);

  constructor(node: ZoneNode) {
    this.node = node;
  }

  /** The stripes that the host brings in, ascending. */
  stripesOf(host: Host): number[] {
    const stripes: number[] = [];
    for (let i = 0; i < STRIPE_COUNT; i++) if (this.owners[i] === host) stripes.push(i);
    return stripes;
  }
}

/** A region, a zone or a rack. */
export interface ZoneNode {
  readonly parent: ZoneNode | undefined;
  readonly label: string;
  readonly children: ZoneNode[];
  group: ZoneGroup | undefined;
}

/**
 * The zones in which a task has members, as a tree of region, zone, rack.
 *
 * One rack of each zone, and one of each region, is its gateway: only its members have neighbours
 * outside, so that a piece enters a region once and a zone once, and goes on from there.
 */
export class ZoneTree {
  readonly #root: ZoneNode = { parent: undefined, label: "", children: [], group: undefined };
  readonly #byZone = new Map<string, ZoneGroup>();
  readonly groups: ZoneGroup[] = [];

  /** The group of a zone string, made when it is new. */
  groupFor(zone: string): ZoneGroup {
    const labels = zoneLabels(zone);
    const key = labels.join("|");
    const known = this.#byZone.get(key);
    if (known !== undefined) return known;
    let node = this.#root;
    for (const label of labels) {
      let child = node.children.find((other) => other.label === label);
      if (child === undefined) {
        child = { parent: node, label, children: [], group: undefined };
        node.children.push(child);
      }
      node = child;
    }
    const group = new ZoneGroup(node);
    node.group = group;
    this.#byZone.set(key, group);
    this.groups.push(group);
    return group;
  }

  /** The group of a zone string if it has one. */
  find(zone: string): ZoneGroup | undefined {
    return this.#byZone.get(zoneLabels(zone).join("|"));
  }

  /** Takes a group away that has no members any more. */
  prune(zone: string): void {
    const key = zoneLabels(zone).join("|");
    const group = this.#byZone.get(key);
    if (group === undefined || group.members.length > 0) return;
    this.#byZone.delete(key);
    this.groups.splice(this.groups.indexOf(group), 1);
    let node: ZoneNode | undefined = group.node;
    node.group = undefined;
    while (node?.parent !== undefined && node.children.length === 0 && node.group === undefined) {
      node.parent.children.splice(node.parent.children.indexOf(node), 1);
      node = node.parent;
    }
  }

  /**
   * The groups with which this one exchanges: other racks of its zone, and where it is the gateway
   * the gateways of other zones and regions. One list per level, nearest first.
   */
  peersOf(group: ZoneGroup): ZoneGroup[][] {
    const levels: ZoneGroup[][] = [];
    let node = group.node;
    while (node.parent !== undefined && gatewayOf(node) === group) {
      const siblings = node.parent.children.filter((child) => child !== node);
      if (siblings.length > 0) levels.push(siblings.map(gatewayOf));
      node = node.parent;
    }
    return levels;
  }
}

function gatewayOf(node: ZoneNode): ZoneGroup {
  let gateway = node;
  while (gateway.group === undefined) gateway = gateway.children[0]!;
  return gateway.group;
}

function zoneLabels(zone: string): string[] {
  const labels = zone.split("|", LABELS).map((label) => label.slice(0, LABEL_LENGTH_MAX));
  while (labels.length < LABELS) labels.push("");
  return labels;
}
