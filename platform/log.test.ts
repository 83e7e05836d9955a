import { describe, expect, it } from "vitest";

import { printableUrl } from "./log.ts";

describe("a URL that is shown or logged", () => {
  it.each([
    [
      "https://user:password@example.com:8443/a/b?token=secret#part",
      "https://example.com:8443/a/b",
    ],
    ["http://example.com", "http://example.com/"],
    ["not a url?token=secret", "an invalid URL"],
    ["", "an invalid URL"],
  ])("%s is %s, without what may be secret", (url, wanted) => {
    expect(printableUrl(url)).toBe(wanted);
  });
});
