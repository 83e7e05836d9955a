import { Bitmap } from "../../protocol/bitmap.ts";
import { Scheduler, type SchedulerOptions, type SchedulerOut } from "./scheduler.ts";

/** One decision that a scheduler told. */
export type Call = readonly [name: string, ...args: unknown[]];
/** The length of every piece of the task. */
export const MIB = 1024 * 1024;

/** A scheduler with task 0 of `pieceCount` pieces, all ready at the seed, and everything it says. */
export function schedulerWith(pieceCount: number, options: Partial<SchedulerOptions> = {}) {
  const calls: Call[] = [];
  const out = new Proxy({} as SchedulerOut, {
    get:
      (_, name) =>
      (...args: unknown[]) =>
        calls.push([String(name), ...args]),
  });
  let state = 1;
  const random = (): number => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
  const scheduler = new Scheduler(options, out, random);
  scheduler.openTask(0, 0, pieceCount, MIB);
  for (let piece = 0; piece < pieceCount; piece++) scheduler.pieceReady(0, 0, piece);
  const said = (name: string): Call[] => calls.filter((call) => call[0] === name);
  const takeAll = (): Call[] => calls.splice(0);
  const add = (nowMs: number, host: number, zone = "", have?: Bitmap): readonly number[] => {
    scheduler.addHost(nowMs, host, zone);
    return scheduler.join(nowMs, 0, host, have);
  };
  return { scheduler, said, takeAll, add };
}

/** A map of so many pieces, of which these are there. */
export function bits(length: number, pieces: readonly number[]): Bitmap {
  const map = new Bitmap(length);
  for (const piece of pieces) map.add(piece);
  return map;
}
