import { writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { EXIT } from "../../../platform/user-error.ts";
import { TemporaryDirectory } from "../../../test/harness/temporary-directory.ts";
import { withV1Config } from "./v1-config.ts";

describe("the configuration of Dragonfly 1", () => {
  let home: TemporaryDirectory;

  beforeEach(async () => {
    home = await TemporaryDirectory.create("v1-config");
  });

  afterEach(async () => await home[Symbol.asyncDispose]());

  const given = (argv: readonly string[] = [], env: Readonly<Record<string, string>> = {}) =>
    withV1Config(argv, env, [home.join("dfget.yml"), home.join("dragonfly.conf")]);

  it("gives supernodes and the limit, in YAML", async () => {
    await writeFile(
      home.join("dfget.yml"),
      "nodes:\n  - 10.0.0.1\n  - 10.0.0.2:9000=3\nlocalLimit: 20M\nminRate: 64K\n",
    );
    expect(given(["--output=f"])).toEqual([
      "--supernode=http://10.0.0.2:9000",
      "--supernode=http://10.0.0.1:8002",
      "--limit-rate=20971520",
      "--output=f",
    ]);
  });

  it("gives supernodes in the older form, where there is no YAML", async () => {
    const text = "; old\n[log]\naddress=9.9.9.9\n\n[node]\r\naddress=10.0.0.1,10.0.0.2\n";
    await writeFile(home.join("dragonfly.conf"), text);
    expect(given()).toEqual([
      "--supernode=http://10.0.0.1:8002",
      "--supernode=http://10.0.0.2:8002",
    ]);
    await writeFile(home.join("dfget.yml"), "");
    expect(given()).toEqual([]);
  });

  it("gives way to the command line and to variables", async () => {
    await writeFile(home.join("dfget.yml"), "nodes: [a]\nlocalLimit: 1024\n");
    expect(given(["--supernode=http://b:1"])).toEqual([
      "--limit-rate=1024",
      "--supernode=http://b:1",
    ]);
    const limit = given(["--limit-rate", "5"], { DFGET_SUPERNODE: "http://c:1" });
    expect(limit).toEqual(["--limit-rate", "5"]);
  });

  it("is missing on most machines", () => {
    expect(given(["-q"])).toEqual(["-q"]);
  });

  it.each([
    "nodes: [a",
    "nodes: a",
    "just words",
    "nodes: ['a b']",
    "localLimit: fast",
    "localLimit: []",
  ])("is refused with a sentence that names it: %s", async (text) => {
    await writeFile(home.join("dfget.yml"), text);
    expect(() => given()).toThrow(/dfget\.yml/);
    expect(() => given()).toThrow(expect.objectContaining({ exitCode: EXIT.usage }) as Error);
  });
});
