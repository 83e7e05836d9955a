import { expect, it } from "vitest";
import { bytesDigest } from "../../test/harness/seeded-bytes.ts";
import { LoadOrigin } from "./load-origin.ts";

it("the origin of load benchmarks sends a blob, the whole or the part that is asked for", async () => {
  await using origin = await LoadOrigin.start();
  const digest = origin.addBlob("origin", 2_500_000);
  const ask = async (range?: string) =>
    await fetch(origin.blobUrl(digest), range === undefined ? {} : { headers: { range } });
  const whole = Buffer.from(await (await ask()).arrayBuffer());
  expect(bytesDigest(whole)).toBe(digest);
  for (const [range, from, end] of [
    ["bytes=0-9", 0, 10],
    ["bytes=1000000-2200000", 1_000_000, 2_200_001],
    ["bytes=-5", 2_499_995, 2_500_000],
  ] as const) {
    const answer = await ask(range);
    expect(answer.status).toBe(206);
    expect(answer.headers.get("content-range")).toBe(`bytes ${from}-${end - 1}/2500000`);
    expect(Buffer.from(await answer.arrayBuffer()).equals(whole.subarray(from, end))).toBe(true);
  }
  expect((await ask("bytes=2500000-")).status).toBe(416);
});
