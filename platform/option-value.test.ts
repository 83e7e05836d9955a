import { describe, expect, it } from "vitest";

import { endpointOption, serverUrlOption } from "./option-value.ts";

describe("an option that names a place", () => {
  const any = { portMin: 0, example: "10.0.0.7:80" } as const;

  it("is read as host and port", () => {
    expect(endpointOption("listen", "[::1]:0", any)).toEqual({ host: "::1", port: 0 });
  });

  it("is refused with the flag, an example and the value", () => {
    expect(() => endpointOption("listen", "nowhere", any)).toThrow(
      '--listen must be host:port, such as 10.0.0.7:80, not "nowhere"',
    );
    expect(() => endpointOption("advertise", "host:0", { ...any, portMin: 1 })).toThrow(
      "must name a port above 0",
    );
  });
});

describe("an option that names a server", () => {
  const read = (value: string): URL => serverUrlOption("supernode", value, "must be a URL");

  it("is an HTTP URL without a path", () => {
    expect(read("http://10.0.0.1:8002").origin).toBe("http://10.0.0.1:8002");
    expect(read("https://host/").origin).toBe("https://host");
    for (const value of ["host", "ftp://host/", "http://host/path", "http://host/?q", ""]) {
      expect(() => read(value)).toThrow(/^--supernode must /);
    }
  });

  it("is refused with a password, which is not shown", () => {
    expect(() => read("http://me:hidden@host/")).toThrow(
      "--supernode for host must not hold a user name or a password; remove them",
    );
    expect(() => read("http://host/path?token=hidden")).toThrow('not "http://host/path"');
  });
});
