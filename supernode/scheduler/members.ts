import { ZoneTree, type ZoneGroup } from "./zone-tree.ts";
import type { Host } from "./scheduler-out.ts";

/**
 * The members of one task. Fields of numbers side by side instead of an object per member: a task
 * may have fifty thousand.
 */
export class Members {
  readonly hosts: Host[] = [];
  readonly zones = new ZoneTree();
  readonly #slots = new Map<Host, number>();
  readonly #groups: ZoneGroup[] = [];
  /** Place in the group's list. */
  #places = new Uint32Array(16);
  #degrees = new Uint16Array(16);
  #complete = new Uint8Array(16);
  /** Members that hold everything. */
  completeCount = 0;

  get size(): number {
    return this.hosts.length;
  }

  has(host: Host): boolean {
    return this.#slots.has(host);
  }

  add(host: Host, zone: string): ZoneGroup {
    const slot = this.hosts.length;
    if (slot === this.#places.length) this.#widen();
    const group = this.zones.groupFor(zone);
    this.hosts.push(host);
    this.#slots.set(host, slot);
    this.#groups.push(group);
    this.#places[slot] = group.members.length;
    this.#degrees[slot] = 0;
    this.#complete[slot] = 0;
    group.members.push(host);
    return group;
  }

  /** Takes a member away; its zone disappears with its last member. */
  delete(host: Host, zone: string): void {
    const slot = this.#slots.get(host);
    if (slot === undefined) return;
    if (this.#complete[slot] === 1) this.completeCount -= 1;
    const group = this.#groups[slot]!;
    const moved = group.members.pop()!;
    if (moved !== host) {
      group.members[this.#places[slot]!] = moved;
      this.#places[this.#slots.get(moved)!] = this.#places[slot]!;
    }
    if (group.members.length === 0) this.zones.prune(zone);
    const lastHost = this.hosts.pop()!;
    const lastGroup = this.#groups.pop()!;
    this.#slots.delete(host);
    if (lastHost === host) return;
    const last = this.hosts.length;
    this.hosts[slot] = lastHost;
    this.#groups[slot] = lastGroup;
    this.#places[slot] = this.#places[last]!;
    this.#degrees[slot] = this.#degrees[last]!;
    this.#complete[slot] = this.#complete[last]!;
    this.#slots.set(lastHost, slot);
  }

  /** The zone group of a member. */
  group(host: Host): ZoneGroup {
    return this.#groups[this.#slots.get(host)!]!;
  }

  /** Neighbours that the member was told of, or that were told of it. */
  degree(host: Host): number {
    const slot = this.#slots.get(host);
    return slot === undefined ? 0 : this.#degrees[slot]!;
  }

  addDegree(host: Host, by: number): void {
    const slot = this.#slots.get(host);
    if (slot === undefined) return;
    this.#degrees[slot] = Math.max(0, Math.min(65_535, this.#degrees[slot]! + by));
  }

  isComplete(host: Host): boolean {
    const slot = this.#slots.get(host);
    return slot !== undefined && this.#complete[slot] === 1;
  }

  setComplete(host: Host, isComplete: boolean): void {
    const slot = this.#slots.get(host);
    if (slot === undefined || (this.#complete[slot] === 1) === isComplete) return;
    this.#complete[slot] = isComplete ? 1 : 0;
    this.completeCount += isComplete ? 1 : -1;
  }

  #widen(): void {
    const size = this.#places.length * 2;
    const places = new Uint32Array(size);
    const degrees = new Uint16Array(size);
    const complete = new Uint8Array(size);
    places.set(this.#places);
    degrees.set(this.#degrees);
    complete.set(this.#complete);
    this.#places = places;
    this.#degrees = degrees;
    this.#complete = complete;
  }
}
