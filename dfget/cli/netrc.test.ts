import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { EXIT } from "../../platform/user-error.ts";
import { loadNetrc, parseNetrc } from "./netrc.ts";

const FILE = `
# machine commented.example login no password no
machine a.example login alice password "pass \\"word\\""
machine B.example
  login bob
  account x
  password machine-like
macdef init
  machine macro.example login no password no

machine a.example login second password no
default login anyone password p
`;

describe("a netrc file", () => {
  const netrc = parseNetrc(FILE);

  it("gives the first entry of a host, whatever the case of its name", () => {
    expect(netrc("a.example")).toEqual({ login: "alice", password: 'pass "word"' });
    expect(netrc("b.EXAMPLE")).toEqual({ login: "bob", password: "machine-like" });
  });

  it("gives its default to every other host, those of comments and macros too", () => {
    for (const host of ["c.example", "commented.example", "macro.example"]) {
      expect(netrc(host)).toEqual({ login: "anyone", password: "p" });
    }
    expect(parseNetrc("machine a login b password c")("other")).toBeUndefined();
  });

  it("may hold anything without harm", () => {
    fc.assert(fc.property(fc.string(), (text) => void parseNetrc(text)("host")));
  });

  it("is found where it is named, and may only then not be absent", () => {
    const directory = mkdtempSync(join(tmpdir(), "darter-netrc-"));
    try {
      expect(loadNetrc(undefined, { HOME: directory })("h")).toBeUndefined();
      writeFileSync(join(directory, ".netrc"), "machine h login home password p");
      writeFileSync(join(directory, "other"), "machine h login other password p");
      expect(loadNetrc(undefined, { HOME: directory })("h")?.login).toBe("home");
      const env = { HOME: directory, NETRC: join(directory, "other") };
      expect(loadNetrc(undefined, env)("h")?.login).toBe("other");
      expect(loadNetrc(join(directory, ".netrc"), env)("h")?.login).toBe("home");
      expect(() => loadNetrc(join(directory, "absent"), env)).toThrow(
        expect.objectContaining({ exitCode: EXIT.usage }) as Error,
      );
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
