import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Scheduler, type SchedulerOut } from "../../supernode/scheduler/scheduler.ts";
import { seededRandom } from "../../test/simulation/seeded-random.ts";

const PIECES = 1024;
const PIECE_BYTES = 1024 * 1024;
const TASK = 0;

/** What many peers in one task cost the scheduler. */
export interface ScaleFigures {
  readonly peers: number;
  /** Microseconds of one join, mean, neighbours and offers included. */
  readonly join_us: number;
  /** Bytes of heap for each peer: as a host that is connected, and as a member of the task. */
  readonly host_bytes: number;
  readonly member_bytes: number;
  readonly bytes_per_peer: number;
}

/** Lets so many hosts join one task of a real scheduler, all at once. */
export function measureScale(peers: number): ScaleFigures {
  const collectGarbage = garbageCollector();
  const out: SchedulerOut = {
    offer: () => {},
    neighbours: () => {},
    stripes: () => {},
    ban: () => {},
    askProgress: () => {},
    wake: () => {},
  };
  // Once for the compiler, on a scheduler that is thrown away.
  joinAll(newScheduler(out), Math.min(peers, 5000), () => {});
  collectGarbage();
  const beforeBytes = heapBytes();
  const scheduler = newScheduler(out);
  let hostsBytes = 0;
  const joinMs = joinAll(scheduler, peers, () => {
    collectGarbage();
    hostsBytes = heapBytes();
  });
  collectGarbage();
  const afterBytes = heapBytes();
  // What is asked for afterwards cannot have been thrown away before.
  scheduler.removeHost(1, 0);
  return {
    peers,
    join_us: rounded((1000 * joinMs) / peers),
    host_bytes: rounded((hostsBytes - beforeBytes) / peers),
    member_bytes: rounded((afterBytes - hostsBytes) / peers),
    bytes_per_peer: rounded((afterBytes - beforeBytes) / peers),
  };
}

function newScheduler(out: SchedulerOut): Scheduler {
  const scheduler = new Scheduler({}, out, seededRandom(1));
  scheduler.openTask(0, TASK, PIECES, PIECE_BYTES);
  for (let piece = 0; piece < PIECES; piece++) scheduler.pieceReady(0, TASK, piece);
  return scheduler;
}

function joinAll(scheduler: Scheduler, peers: number, hostsAdded: () => void): number {
  for (let host = 0; host < peers; host++) scheduler.addHost(0, host, "");
  hostsAdded();
  const startMs = performance.now();
  for (let host = 0; host < peers; host++) scheduler.join(0, TASK, host, undefined);
  return performance.now() - startMs;
}

function garbageCollector(): () => void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") throw new Error("this Node has no garbage collector to call");
  return () => {
    Reflect.apply(collect, undefined, []);
  };
}

/** Objects and typed arrays. */
function heapBytes(): number {
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function rounded(value: number): number {
  return Math.round(100 * value) / 100;
}
