import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { digestAlgorithm, parseDigest } from "./digest.ts";

const SHA256 = `sha256:${"0123456789abcdef".repeat(4)}`;
const SHA512 = `sha512:${"0123456789abcdef".repeat(8)}`;

describe("a digest", () => {
  it.each([
    [SHA256, "sha256"],
    [SHA512, "sha512"],
  ])("%s is read, with its algorithm and its hex", (text, algorithm) => {
    const digest = parseDigest(text)!;
    expect(digest).toBe(text);
    expect(digestAlgorithm(digest)).toBe(algorithm);
  });

  it.each([
    "",
    ":",
    "sha256",
    "sha256:",
    SHA256.toUpperCase(),
    SHA256.replace("a", "A"),
    SHA256.slice(0, -1),
    `${SHA256}0`,
    `${SHA256}\n`,
    ` ${SHA256}`,
    SHA256.replace("sha256", "sha384"),
    SHA256.replace("sha256", "sha512"),
    SHA512.replace("sha512", "sha256"),
    SHA256.replace("0", "g"),
    SHA256.replace(":", "::"),
    `sha256:../../${"0".repeat(58)}`,
    `__proto__:${"0".repeat(64)}`,
  ])("is not what %j is", (text) => {
    expect(parseDigest(text)).toBeUndefined();
  });

  it("is never made of anything but 64 or 128 hex digits", () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom(..."0123456789abcdefg:A\n".split("")),
          minLength: 62,
          maxLength: 66,
        }),
        (tail) => {
          const digest = parseDigest(`sha256:${tail}`);
          if (digest !== undefined) expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
        },
      ),
    );
  });
});
