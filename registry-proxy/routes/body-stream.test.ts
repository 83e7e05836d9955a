import { expect, it } from "vitest";

import { sha256Digest } from "../../platform/digest-check.ts";
import { seededBytes } from "../../test/harness/seeded-bytes.ts";
import { MirrorFixture, errorsOf } from "../mirror-fixture.ts";

const CONTENT = seededBytes("stream", 100_000);

/** A registry that names the whole length, and then sends `bytes` for the range 1000-1999. */
async function mirrorOf(bytes: Uint8Array): Promise<MirrorFixture> {
  const mirror = await MirrorFixture.start();
  mirror.upstream.on(`/v2/team/app/blobs/${sha256Digest(CONTENT)}`, (request, response) => {
    if (request.method === "HEAD") {
      response.writeHead(200, { "content-length": CONTENT.length }).end();
    } else {
      response.writeHead(206, { "content-range": "bytes 1000-1999/100000" });
      response.write(bytes.subarray(0, 400), () => response.end(bytes.subarray(400)));
    }
  });
  return mirror;
}

const PATH = `/v2/team/app/blobs/${sha256Digest(CONTENT)}`;
const headers = { range: "bytes=1000-1999" };

it("a body that ends too soon breaks off instead of ending as if it were whole", async () => {
  await using mirror = await mirrorOf(CONTENT.subarray(1000, 1900));
  await expect(mirror.ask(PATH, { headers })).rejects.toThrow("aborted");
});

it("a body that goes on too long ends where it should", async () => {
  await using mirror = await mirrorOf(CONTENT.subarray(1000, 2500));
  const { body } = await mirror.ask(PATH, { headers });
  expect(body.equals(CONTENT.subarray(1000, 2000))).toBe(true);
});

it("a body without a byte is told by a status when there should have been some", async () => {
  await using mirror = await mirrorOf(new Uint8Array());
  const answer = await mirror.ask(PATH, { headers });
  expect([answer.status, errorsOf(answer)[0]?.code]).toEqual([502, "UNAVAILABLE"]);
});
