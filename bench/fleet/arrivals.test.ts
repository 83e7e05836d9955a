import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { seededRandom } from "../../test/simulation/seeded-random.ts";
import { drawArrivals } from "./arrivals.ts";

describe("arrivals", () => {
  it("fill the time from the first at 0 to the last at its end", () => {
    const counts = fc.integer({ min: 2, max: 40 });
    const spreads = fc.integer({ min: 0, max: 60_000 });
    fc.assert(
      fc.property(counts, spreads, fc.integer(), (count, spreadMs, seed) => {
        const moments = drawArrivals(count, spreadMs, seededRandom(seed));
        expect(moments).toHaveLength(count);
        expect(Math.min(...moments)).toBe(0);
        expect(Math.max(...moments)).toBe(spreadMs);
      }),
    );
  });

  it("are the same for the same seed, and others for another one", () => {
    const draw = (seed: number) => drawArrivals(10, 1000, seededRandom(seed));
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  it("are at once for a single node", () => {
    expect(drawArrivals(1, 1000, seededRandom(1))).toEqual([0]);
  });
});
