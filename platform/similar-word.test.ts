import { describe, expect, it } from "vitest";

import { similarWord } from "./similar-word.ts";

const FLAGS = ["output", "quiet", "json", "timeout", "retry", "recursive"];

describe("a word that is none", () => {
  it.each([
    ["ouput", "output"],
    ["timeuot", "timeout"],
    ["jsn", "json"],
    ["recur", "recursive"],
    ["quite", "quiet"],
  ])("is taken for the one that was meant: %s", (word, meant) => {
    expect(similarWord(word, FLAGS)).toBe(meant);
  });

  it.each(["fast", "re", "xyz", ""])("is taken for none where none is near: %j", (word) => {
    expect(similarWord(word, FLAGS)).toBeUndefined();
  });
});
