import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventQueue } from "./event-queue.ts";

describe("the event queue", () => {
  it("runs what was planned in the order of time, ties in the order of planning", () => {
    const planned = fc.record({
      delayMs: fc.integer({ min: 0, max: 20 }).map((value) => value / 4),
      isInLane: fc.boolean(),
      again: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(planned, { maxLength: 900 }), (plans) => {
        const queue = new EventQueue();
        const ran: { atMs: number; number: number }[] = [];
        const expected: { atMs: number; number: number }[] = [];
        const plan = (delayMs: number, isInLane: boolean, again: boolean): void => {
          const entry = { atMs: queue.nowMs + delayMs, number: expected.length };
          expected.push(entry);
          const run = (): void => {
            ran.push({ atMs: queue.nowMs, number: entry.number });
            if (again) plan(delayMs, !isInLane, false);
          };
          if (isInLane) queue.lane(delayMs).add(run);
          else queue.after(delayMs, run);
        };
        for (const { delayMs, isInLane, again } of plans) plan(delayMs, isInLane, again);
        expect(queue.size).toBe(plans.length);
        while (queue.step());
        expected.sort((a, b) => a.atMs - b.atMs || a.number - b.number);
        expect(ran).toEqual(expected);
        expect(queue.count).toBe(expected.length);
        expect(queue.size).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it("hands each event the number that it was planned with", () => {
    const queue = new EventQueue();
    const got: number[] = [];
    queue.at(2, (argument) => got.push(argument), 20);
    queue.lane(1).add((argument) => got.push(argument), 10);
    while (queue.step());
    expect(got).toEqual([10, 20]);
  });

  it("runs at once what is planned for the past, and never goes back", () => {
    const queue = new EventQueue();
    queue.at(5, () => queue.at(1, () => expect(queue.nowMs).toBe(5)));
    while (queue.step());
    expect(queue.count).toBe(2);
  });
});
