import { Bitmap } from "../../protocol/bitmap.ts";
import type { SchedulerContext } from "./scheduler-context.ts";
import { STRIPE_COUNT, type Host } from "./scheduler-out.ts";
import type { TaskRecord } from "./task-record.ts";
import type { ZoneGroup } from "./zone-tree.ts";

const DEGREE_SLACK = 1.25;
const STARVING_DEGREE_MAX = 4;
const TRIES = 4;
const FEW_NEIGHBOURS = 3;
const TAKE_AGAIN_MS = 500;

/**
 * Who exchanges with whom. Near neighbours are random members of the same zone. Between zones each
 * stripe of pieces has one member per zone that brings it in, and only those have far neighbours.
 */
export class NeighbourChoice {
  readonly #context: SchedulerContext;

  constructor(context: SchedulerContext) {
    this.#context = context;
  }

  /** Near neighbours for a member that joins: half the degree, later joiners add the other half. */
  near(nowMs: number, record: TaskRecord, host: Host): Host[] {
    const { degree } = this.#context.options;
    const { members } = record.members.group(host);
    const max = degree * DEGREE_SLACK;
    return this.#some(nowMs, record, host, members, Math.ceil(degree / 2), max);
  }

  /** More neighbours for a starving member, of its own zone if there are. */
  more(nowMs: number, record: TaskRecord, host: Host): void {
    const { degree, starveNeighbours } = this.#context.options;
    if (record.members.degree(host) >= STARVING_DEGREE_MAX * degree) return;
    const { members } = record.members.group(host);
    const max = STARVING_DEGREE_MAX * degree;
    const hosts = this.#some(nowMs, record, host, members, starveNeighbours, max);
    if (hosts.length > 0) this.#context.out.neighbours(host, record.task, hosts, false);
  }

  /** Gives a member one certain neighbour. */
  introduce(record: TaskRecord, host: Host, other: Host): void {
    const isFar = record.members.group(host) !== record.members.group(other);
    record.members.addDegree(host, 1);
    record.members.addDegree(other, 1);
    this.#context.out.neighbours(host, record.task, [other], isFar);
  }

  /** A starving member brings in what it lacks itself: whoever should have done it may be dead. */
  takeOver(nowMs: number, record: TaskRecord, host: Host, lacking: readonly number[]): void {
    if (record.members.zones.groups.length < 2) return;
    const group = record.members.group(host);
    for (const piece of lacking) {
      const stripe = piece % STRIPE_COUNT;
      const owner = group.owners[stripe];
      if (owner === host || nowMs - group.takenMs[stripe]! < TAKE_AGAIN_MS) continue;
      group.takenMs[stripe] = nowMs;
      group.owners[stripe] = host;
      this.#note(nowMs, record, host);
      if (owner !== undefined) this.#note(nowMs, record, owner);
    }
  }

  /** Lets a member bring in everything: its zone does not get on otherwise. */
  bringInAll(record: TaskRecord, host: Host): void {
    if (record.members.zones.groups.length < 2) return;
    this.#context.out.stripes(host, record.task, Bitmap.full(STRIPE_COUNT));
    this.#linkFar(record, host, undefined);
  }

  /** A member came: it takes stripes over from whoever in its zone has most. */
  joined(nowMs: number, record: TaskRecord, host: Host): void {
    const group = record.members.group(host);
    if (group.isDealt) return;
    const counts = new Map<Host | undefined, number>();
    for (let i = 0; i < STRIPE_COUNT; i++) {
      const owner = group.owners[i];
      counts.set(owner, (counts.get(owner) ?? 0) + 1);
    }
    let from: Host | undefined;
    let most = 0;
    for (const [owner, count] of counts) {
      if (owner !== undefined && count <= most) continue;
      from = owner;
      most = count;
      if (owner === undefined) break;
    }
    if (from !== undefined && most < 2) {
      group.isDealt = true;
      return;
    }
    const stripes: number[] = [];
    for (let i = 0; i < STRIPE_COUNT; i++) if (group.owners[i] === from) stripes.push(i);
    // The upper half, so that zones of one size deal their stripes alike.
    const taken = from === undefined ? stripes : stripes.slice(stripes.length >>> 1);
    for (const stripe of taken) group.owners[stripe] = host;
    this.#note(nowMs, record, host);
    if (from !== undefined) this.#note(nowMs, record, from);
    if (record.members.zones.groups.length === 2 && group.members.length === 1) {
      this.#noteAll(nowMs, record);
    }
  }

  /**
   * A member leaves that had so many neighbours. Nobody knows any more who they were: as many of those who may have been
   * one are taken to have one less.
   */
  parted(group: ZoneGroup, record: TaskRecord, degree: number): void {
    for (let i = 0; i < degree; i++) {
      const other = this.#context.oneOf(group.members);
      if (other !== undefined) record.members.addDegree(other, -1);
    }
  }

  /** A member left or is out: its stripes go to others of its zone. */
  left(nowMs: number, record: TaskRecord, host: Host, group: ZoneGroup): void {
    record.unlinked.delete(host);
    group.isDealt = false;
    const heirs = new Set<Host>();
    for (let i = 0; i < STRIPE_COUNT; i++) {
      if (group.owners[i] !== host) continue;
      const heir = this.#heir(nowMs, record, group, host);
      group.owners[i] = heir;
      if (heir !== undefined) heirs.add(heir);
    }
    for (const heir of heirs) this.#note(nowMs, record, heir);
    // Another rack may have become the gateway.
    if (group.members.length === 0) this.#noteAll(nowMs, record);
  }

  /** Tells members of their stripes and links them with members of other zones, where it is due. */
  link(record: TaskRecord): void {
    if (record.unlinked.size === 0) return;
    const hosts = [...record.unlinked];
    record.unlinked.clear();
    if (record.members.zones.groups.length < 2) return;
    for (const host of hosts) {
      if (!record.members.has(host)) continue;
      const stripes = record.members.group(host).stripesOf(host);
      const mask = new Bitmap(STRIPE_COUNT);
      for (const stripe of stripes) mask.add(stripe);
      this.#context.out.stripes(host, record.task, mask);
      if (stripes.length > 0) this.#linkFar(record, host, stripes);
    }
  }

  #note(nowMs: number, record: TaskRecord, host: Host): void {
    record.unlinked.add(host);
    if (record.members.zones.groups.length > 1) this.#context.wake(nowMs + 10);
  }

  #noteAll(nowMs: number, record: TaskRecord): void {
    for (const group of record.members.zones.groups) {
      for (const owner of new Set(group.owners)) {
        if (owner !== undefined) this.#note(nowMs, record, owner);
      }
    }
  }

  #heir(nowMs: number, record: TaskRecord, group: ZoneGroup, not: Host): Host | undefined {
    for (let i = 0; i < TRIES * 2; i++) {
      const host = this.#context.oneOf(group.members);
      if (host === undefined) return undefined;
      if (host === not || this.#context.isOut(nowMs, host)) continue;
      if (i < TRIES && record.members.isComplete(host)) continue;
      return host;
    }
    return group.members.find((host) => host !== not);
  }

  /** Links a member with those who bring the same stripes into other zones. */
  #linkFar(record: TaskRecord, host: Host, stripes: readonly number[] | undefined): void {
    const { out } = this.#context;
    const { farDegree } = this.#context.options;
    const group = record.members.group(host);
    for (const level of record.members.zones.peersOf(group)) {
      const chosen = new Set<Host>();
      const groups = shuffled(level, this.#context.random);
      for (let i = 0; i < TRIES * farDegree && chosen.size < farDegree; i++) {
        const other = groups[i % groups.length]!;
        const stripe = stripes === undefined ? undefined : this.#context.oneOf(stripes);
        const owner = stripe === undefined ? undefined : other.owners[stripe];
        const far =
          i < groups.length && owner !== undefined ? owner : this.#context.oneOf(other.members);
        if (far !== undefined && far !== host) chosen.add(far);
      }
      if (chosen.size === 0) continue;
      for (const far of chosen) record.members.addDegree(far, 1);
      record.members.addDegree(host, chosen.size);
      out.neighbours(host, record.task, [...chosen], true);
    }
  }

  /** Up to `count` random ones of a list that are not out and under a degree. */
  #some(
    nowMs: number,
    record: TaskRecord,
    host: Host,
    from: readonly Host[],
    count: number,
    degreeMax: number,
  ): Host[] {
    const chosen = new Set<Host>();
    const suits = (other: Host): boolean =>
      other !== host && !this.#context.isOut(nowMs, other) && !chosen.has(other);
    if (from.length <= count + 1) {
      for (const other of from) if (suits(other)) chosen.add(other);
    } else {
      for (let i = 0; i < TRIES * count && chosen.size < count; i++) {
        const other = this.#context.oneOf(from)!;
        const max = i < (TRIES - 1) * count ? degreeMax : 2 * degreeMax;
        if (suits(other) && record.members.degree(other) < max) chosen.add(other);
      }
    }
    // Where all have many neighbours, some more are better than none for the one that comes.
    for (let i = 0; i < TRIES * count && chosen.size < FEW_NEIGHBOURS; i++) {
      const other = this.#context.oneOf(from);
      if (other !== undefined && suits(other)) chosen.add(other);
    }
    for (const other of chosen) record.members.addDegree(other, 1);
    record.members.addDegree(host, chosen.size);
    return [...chosen];
  }
}

function shuffled<T>(list: readonly T[], random: () => number): T[] {
  const copy = [...list];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [copy[i], copy[j]] = [copy[j]!, copy[i]!];
  }
  return copy;
}
