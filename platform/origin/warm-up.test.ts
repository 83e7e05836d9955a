import { expect, it } from "vitest";

import { systemClock } from "../clock.ts";
import { warmUpOrigins } from "./warm-up.ts";

const parts = { clock: systemClock, random: () => 0.5 };

it.runIf(process.platform === "linux")(
  "reads from a server of its own and leaves nothing open",
  async () => {
    const before = process.getActiveResourcesInfo().filter((kind) => kind.startsWith("TCP"));
    await expect(warmUpOrigins(parts, AbortSignal.timeout(10_000))).resolves.toBe(true);
    await expect
      .poll(() => process.getActiveResourcesInfo().filter((kind) => kind.startsWith("TCP")))
      .toEqual(before);
  },
);

it("does no harm where it cannot be done", async () => {
  await expect(warmUpOrigins(parts, AbortSignal.abort())).resolves.toBe(false);
});
