import type { Bitmap } from "../../protocol/bitmap.ts";
import { defaultSwarmOptions } from "../../dfget/swarm/swarm.ts";
import type { PeerNode } from "./peer-node.ts";
import { bytesPerMs, type Scenario } from "./scenario.ts";
import { SimulationError } from "./simulation-error.ts";

/** News of a piece takes the delay, its collection and this at most to be of use. */
const NEWS_MS = 500;
const STARVED_MS = 10_000;
/** How long a source may be left alone that was blamed or is out. */
const DISTRUST_MS = 60_000;

/** Throws when a peer announces a piece that it has not verified. */
export function checkAnnounced(
  host: number,
  verified: Bitmap | undefined,
  pieces: Iterable<number>,
): void {
  for (const piece of pieces) {
    if (verified?.has(piece) === true) continue;
    throw new SimulationError(`peer ${host} announced piece ${piece} that it has not verified`);
  }
}

/** Throws when a peer counts a piece as verified whose bytes are not the task's. */
export function checkStored(host: number, task: number, piece: number, isGood: boolean): void {
  if (isGood) return;
  throw new SimulationError(`peer ${host} took bad bytes for piece ${piece} of task ${task}`);
}

/** Throws when a peer says that it holds a task of which it lacks pieces. */
export function checkComplete(host: number, task: number, verified: Bitmap): void {
  if (verified.isFull) return;
  throw new SimulationError(
    `peer ${host} says that task ${task} is complete, but holds ${verified.count} pieces`,
  );
}

/** Throws when more transfers run than there are slots. */
export function checkSlots(host: number, what: string, count: number, most: number): void {
  if (count <= most) return;
  throw new SimulationError(`peer ${host} ${what} ${count} pieces at a time, but may only ${most}`);
}

/**
 * Throws when a peer asks the origin for a piece that a neighbour has held long enough for it to know.
 * Neighbours in other zones do not count, nor do those that are not to be relied on or were blamed.
 */
export function checkOriginRequest(
  nowMs: number,
  peer: PeerNode,
  task: number,
  piece: number,
  delayMs: number,
): void {
  for (const other of peer.neighbours(task)) {
    if (!isReachable(nowMs, peer, other) || other.zone !== peer.zone) continue;
    const heldMs = nowMs - other.heldSinceMs(task, piece);
    if (heldMs < NEWS_MS + delayMs) continue;
    throw new SimulationError(
      `peer ${peer.host} read piece ${piece} of task ${task} from the origin at ${nowMs} ms, ` +
        `but its neighbour ${other.host} had held it for ${heldMs} ms`,
    );
  }
}

/** How long a peer of this link may go without a piece that a neighbour holds. In milliseconds. */
export function starvedAfterMs(scenario: Scenario, rate: number): number {
  const pieceBytes = Math.max(...scenario.tasks.map((task) => task.pieceBytes));
  const slots = scenario.swarm.downloadSlots ?? defaultSwarmOptions.downloadSlots;
  const slowest = Math.min(rate, bytesPerMs(scenario.mbit) * scenario.faults.slowFactor);
  return STARVED_MS + (8 * slots * pieceBytes) / slowest;
}

/** Throws when a peer has got nothing for too long although a reliable neighbour holds what it lacks. */
export function checkStarvation(nowMs: number, peer: PeerNode, limitMs: number): void {
  const quietMs = nowMs - peer.lastPieceMs;
  if (quietMs < limitMs) return;
  for (const [task, verified] of peer.verified) {
    if (verified.isFull) continue;
    for (const other of peer.neighbours(task)) {
      const theirs = other.verified.get(task);
      if (theirs === undefined || !isReachable(nowMs, peer, other)) continue;
      const piece = firstLacking(verified, theirs);
      if (piece < 0 || nowMs - other.heldSinceMs(task, piece) < limitMs) continue;
      throw new SimulationError(
        `peer ${peer.host} got nothing for ${quietMs} ms, although its neighbour ${other.host} ` +
          `holds piece ${piece} of task ${task}, which it lacks`,
      );
    }
  }
}

function isReachable(nowMs: number, peer: PeerNode, source: PeerNode): boolean {
  const { isCorrupter, isSlow, isStaller } = source.faults;
  if (!source.isAlive || isCorrupter || isSlow || isStaller) return false;
  return nowMs - (peer.distrustedMs.get(source.host) ?? -Infinity) >= DISTRUST_MS;
}

/** The first piece that one map lacks and another has, or -1. */
function firstLacking(ours: Bitmap, theirs: Bitmap): number {
  const words = ours.words;
  for (let i = 0; i < words.length; i++) {
    const bits = theirs.words[i]! & ~words[i]!;
    if (bits !== 0) return (i << 5) | (31 - Math.clz32(bits & -bits));
  }
  return -1;
}
