import { describe, expect, it } from "vitest";

import type { Digest } from "../protocol/digest.ts";
import { DigestCheck, sha256, urlTaskId } from "./digest-check.ts";

const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/** FIPS 180-4 gives these digests of "abc". */
const ABC_256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const ABC_512 =
  "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

describe("the digest of bytes", () => {
  it("is that of the standard", () => {
    expect(Buffer.from(sha256("")).toString("hex")).toBe(EMPTY);
    expect(Buffer.from(sha256(Buffer.from("abc"))).toString("hex")).toBe(ABC_256);
  });

  it.each([`sha256:${ABC_256}`, `sha512:${ABC_512}`])("is checked as %s over parts", (text) => {
    const check = new DigestCheck(text as Digest);
    for (const part of ["a", "", "bc"]) check.update(Buffer.from(part));
    expect(check.finish()).toEqual({ actual: text, matches: true });
  });

  it("that is another one is told", () => {
    const check = new DigestCheck(`sha256:${EMPTY}` as Digest);
    check.update(Buffer.from("abc"));
    expect(check.finish()).toEqual({ actual: `sha256:${ABC_256}`, matches: false });
  });
});

describe("the task id of a URL", () => {
  it("stays the same from release to release", () => {
    const id = urlTaskId({
      url: "https://example.com/file?sig=1",
      filteredQueryParameters: ["sig"],
      tag: "tag",
      headers: new Map([["Accept", "*/*"]]),
      validator: '"etag"',
    });
    expect(id).toBe("url:ed471a95af96503632a54a027d459ec1fc1d49552e2519ccc158c486a13c5baa");
  });
});
