import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { Digest } from "./digest.ts";
import type { TaskId, UrlTaskIdentity } from "./task-id.ts";
import {
  digestTaskId,
  parseTaskId,
  privateTaskId,
  taskDigest,
  taskScope,
  urlTaskKey,
  withoutQueryParameters,
} from "./task-id.ts";

const DIGEST = `sha256:${"ab".repeat(32)}` as Digest;
const SCOPE = "0123456789abcdef01234567";
const URL_ID = `url:${"cd".repeat(32)}`;

const identity: UrlTaskIdentity = {
  url: "https://example.com/file?a=1&sig=2",
  filteredQueryParameters: [],
  tag: "",
  headers: new Map(),
  validator: '"etag"',
};

function keyOf(changes: Partial<UrlTaskIdentity>): string {
  return urlTaskKey({ ...identity, ...changes });
}

describe("a task id", () => {
  it("is the digest of the content where there is one", () => {
    expect(digestTaskId(DIGEST)).toBe(DIGEST);
    expect(parseTaskId(DIGEST)).toBe(DIGEST);
    expect(taskDigest(DIGEST as string as TaskId)).toBe(DIGEST);
  });

  it("of private content is its digest and the scope of those who may have it", () => {
    for (const digest of [DIGEST, `sha512:${"ef".repeat(64)}` as Digest]) {
      const id = privateTaskId(digest, SCOPE);
      expect(parseTaskId(id)).toBe(id);
      expect([taskDigest(id), taskScope(id)]).toEqual([digest, SCOPE]);
      expect(id.length).toBeLessThanOrEqual(160);
    }
    expect(taskScope(digestTaskId(DIGEST))).toBeUndefined();
    expect(() => privateTaskId(DIGEST, "short")).toThrow(RangeError);
  });

  it.each([
    `${DIGEST}@`,
    `${DIGEST}@${"g".repeat(24)}`,
    `${DIGEST}@${SCOPE}0`,
    `${URL_ID}@${SCOPE}`,
    `@${SCOPE}`,
  ])("is not %s", (text) => {
    expect(parseTaskId(text)).toBeUndefined();
  });

  it("of a URL has no digest", () => {
    expect(parseTaskId(URL_ID)).toBe(URL_ID);
    expect(taskDigest(URL_ID as TaskId)).toBeUndefined();
  });

  it.each([
    "",
    "url:",
    `url:${"CD".repeat(32)}`,
    `${URL_ID}0`,
    `${URL_ID}\n`,
    "url:../x",
    "file:x",
  ])("is not what %j is", (text) => {
    expect(parseTaskId(text)).toBeUndefined();
  });
});

describe("the key of a URL task", () => {
  it.each<[string, Partial<UrlTaskIdentity>]>([
    ["URL", { url: "https://example.com/file?a=2&sig=2" }],
    ["tag", { tag: "nightly" }],
    ["version at the origin", { validator: '"other"' }],
    ["header of the caller", { headers: new Map([["authorization", "Bearer secret"]]) }],
  ])("is another one for another %s", (_what, changes) => {
    expect(keyOf(changes)).not.toBe(keyOf({}));
  });

  it("is the same whatever a filtered parameter is", () => {
    const filtered = { filteredQueryParameters: ["sig"] };
    const one = keyOf({ ...filtered, url: "https://example.com/file?a=1&sig=2" });
    expect(keyOf({ ...filtered, url: "https://example.com/file?a=1&sig=3" })).toBe(one);
    expect(keyOf({ ...filtered, url: "https://example.com/file?a=1" })).toBe(one);
    expect(keyOf({ ...filtered, url: "https://example.com/file?a=2&sig=2" })).not.toBe(one);
  });

  it("is the same whatever the order and the case of header names", () => {
    const headers = (...pairs: [string, string][]) => keyOf({ headers: new Map(pairs) });
    expect(headers(["Accept", "x"], ["Cookie", "y"])).toBe(
      headers(["cookie", "y"], ["accept", "x"]),
    );
  });

  it("cannot be made to look like that of another identity", () => {
    const part = fc.string({ unit: fc.constantFrom(...'a",[]\\\n'.split("")), maxLength: 4 });
    const identities = fc.record({ tag: part, validator: part, header: part });
    fc.assert(
      fc.property(identities, identities, (a, b) => {
        const key = ({ tag, validator, header }: typeof a) =>
          keyOf({ tag, validator, headers: new Map([["x", header]]) });
        expect(key(a) === key(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });
});

describe("a URL without some of its parameters", () => {
  it.each([
    ["https://h/p", ["a"], "https://h/p"],
    ["https://h/p?a=1", ["a"], "https://h/p"],
    ["https://h/p?a=1&b=2&a=3", ["a"], "https://h/p?b=2"],
    ["https://h/p?b=2&a&c", ["a"], "https://h/p?b=2&c"],
    ["https://h/p?ab=1", ["a"], "https://h/p?ab=1"],
    ["https://h/p?a=1#part", [], "https://h/p?a=1"],
    ["https://h/p?a=1#part?b", ["a"], "https://h/p"],
  ])("%s without %j is %s", (url, names, wanted) => {
    expect(withoutQueryParameters(url, names)).toBe(wanted);
  });
});
