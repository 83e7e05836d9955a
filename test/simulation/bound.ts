import { bytesPerMs, type Scenario } from "./scenario.ts";

/**
 * No way of distributing the tasks takes less time than this, with every peer alive and healthy: from
 * the start when everybody comes at once; with pulls, until the last could be over if nobody shared
 * its links.
 */
export function boundMs(scenario: Scenario): number {
  if (scenario.pulls !== undefined) return pullsBoundMs(scenario, scenario.pulls);
  const size = bytesOf(scenario, scenario.tasks.keys());
  const peer = bytesPerMs(scenario.mbit);
  const seed = bytesPerMs(scenario.seedMbit);
  const limits = [
    size / seed,
    size / peer,
    (scenario.peers * size) / (seed + scenario.peers * peer),
    size / bytesPerMs(scenario.originMbit),
  ];
  if (scenario.zones > 1) limits.push(size / bytesPerMs(scenario.zoneMbit));
  return Math.max(...limits);
}

/** What a peer could get this fast if it were alone. In bytes per millisecond. */
export function loneRate(scenario: Scenario): number {
  const { mbit, originMbit, seedMbit, zoneMbit } = scenario;
  return bytesPerMs(Math.min(mbit, seedMbit, originMbit, scenario.zones > 1 ? zoneMbit : Infinity));
}

/** The bytes of some tasks together. */
export function bytesOf(scenario: Scenario, tasks: Iterable<number>): number {
  let size = 0;
  for (const task of tasks) size += scenario.tasks[task]!.sizeBytes;
  return size;
}

/** How many pieces all peers want together. */
export function piecesWanted(scenario: Scenario): number {
  const count = (task: number): number => {
    const { pieceBytes, sizeBytes } = scenario.tasks[task]!;
    return Math.ceil(sizeBytes / pieceBytes);
  };
  let pieces = 0;
  if (scenario.pulls === undefined) {
    for (const task of scenario.tasks.keys()) pieces += count(task);
    return pieces * scenario.peers;
  }
  for (const pulls of scenario.pulls) {
    for (const task of new Set(pulls.flatMap((pull) => pull.tasks))) pieces += count(task);
  }
  return pieces;
}

function pullsBoundMs(scenario: Scenario, pulls: NonNullable<Scenario["pulls"]>): number {
  const ends = pulls.flatMap((own) =>
    own.map(({ atMs, tasks }) => atMs + bytesOf(scenario, tasks) / loneRate(scenario)),
  );
  return ends.reduce((last, endMs) => Math.max(last, endMs), 0);
}
