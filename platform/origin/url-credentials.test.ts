import { describe, expect, it } from "vitest";

import { basicAuthorization } from "./url-credentials.ts";

function pairIn(url: string): string | undefined {
  const header = basicAuthorization(new URL(url));
  return header && Buffer.from(header.replace(/^Basic /, ""), "base64").toString();
}

describe("the credentials in a URL", () => {
  it("are decoded and sent as one pair", () => {
    expect(pairIn("http://us%20er:p%3Aw@host/")).toBe("us er:p:w");
    expect(pairIn("http://user@host/")).toBe("user:");
  });

  it("are taken as they stand when they are not well encoded", () => {
    expect(pairIn("http://50%:%zz@host/")).toBe("50%:%zz");
  });

  it("give no header where there are none", () => {
    expect(pairIn("http://host/")).toBeUndefined();
  });
});
