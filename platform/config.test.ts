import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Type } from "typebox";
import { afterAll, describe, expect, it, vi } from "vitest";

import { byteCount, choice, duration, repeated } from "./config-option.ts";
import type { ProgramDefinition } from "./config.ts";
import { loadConfig } from "./config.ts";
import { UserError } from "./user-error.ts";

const schema = Type.Object({
  listen: Type.String({ default: "0.0.0.0:1", short: "l", description: "where" }),
  zone: Type.Optional(Type.String({ description: "which" })),
  diskQuota: byteCount({ default: 1024, description: "how much" }),
  waitMs: duration({ default: 1000, description: "how long" }),
  slots: Type.Integer({ default: 4, minimum: 1, maximum: 64, description: "how many" }),
  share: Type.Boolean({ default: true, description: "whether" }),
  supernode: repeated({ description: "who" }),
  logLevel: choice(["info", "warn"], { default: "info", description: "what" }),
});
const definition: ProgramDefinition<typeof schema> = {
  program: "my tool",
  usage: ["my tool [options]"],
  summary: "Tries the configuration.",
  schema,
  positionalsMax: 1,
};
const directory = mkdtempSync(join(tmpdir(), "darter-config-"));
afterAll(() => rmSync(directory, { recursive: true }));

function load(argv: readonly string[], env: Record<string, string> = {}) {
  return loadConfig(definition, { argv, env });
}

function configFile(text: string): string {
  const path = join(directory, "config.yaml");
  writeFileSync(path, text);
  return path;
}

/** The sentence by which a configuration is refused. */
function refusal(argv: readonly string[], env: Record<string, string> = {}): string {
  try {
    load(argv, env);
  } catch (error) {
    if (error instanceof UserError && error.exitCode === 2) return error.message;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("a configuration", () => {
  it("has the defaults where nothing is said", () => {
    expect(load([])).toEqual({
      config: {
        listen: "0.0.0.0:1",
        diskQuota: 1024,
        waitMs: 1000,
        slots: 4,
        share: true,
        supernode: [],
        logLevel: "info",
      },
      positionals: [],
      request: undefined,
    });
  });

  it("takes a flag before the environment, that before the file, and that before the default", () => {
    const config = `--config=${configFile("listen: file\n")}`;
    expect(load([config]).config.listen).toBe("file");
    const env = { MY_TOOL_LISTEN: "environment" };
    expect(load([config], env).config.listen).toBe("environment");
    expect(load([config, "--listen", "flag"], env).config.listen).toBe("flag");
    expect(load(["-l", "short"], env).config.listen).toBe("short");
  });

  it("finds its file by the environment too", () => {
    expect(load([], { MY_TOOL_CONFIG: configFile("slots: 9") }).config.slots).toBe(9);
  });

  it("takes an empty variable of the environment for none", () => {
    expect(load([], { MY_TOOL_SLOTS: "" }).config.slots).toBe(4);
  });

  it("reads sizes and durations with units, from everywhere", () => {
    expect(load(["--disk-quota", "64MiB", "--wait-ms=30s"]).config).toMatchObject({
      diskQuota: 67_108_864,
      waitMs: 30_000,
    });
    const config = configFile("diskQuota: 1GiB\nwaitMs: 5\n");
    expect(load(["--config", config], { MY_TOOL_WAIT_MS: "1m" }).config).toMatchObject({
      diskQuota: 1_073_741_824,
      waitMs: 60_000,
    });
  });

  it("turns a switch off by --no-, and by words elsewhere", () => {
    expect(load(["--no-share"]).config.share).toBe(false);
    expect(load(["--share"], { MY_TOOL_SHARE: "false" }).config.share).toBe(true);
    expect(load([], { MY_TOOL_SHARE: "0" }).config.share).toBe(false);
    expect(load(["--config", configFile("share: false")]).config.share).toBe(false);
  });

  it("takes a list by repeated flags, with commas in the environment, as a list in the file", () => {
    expect(load(["--supernode", "a", "--supernode=b,c"]).config.supernode).toEqual(["a", "b,c"]);
    expect(load([], { MY_TOOL_SUPERNODE: "a, b" }).config.supernode).toEqual(["a", "b"]);
    const config = configFile("supernode: [a, b]");
    expect(load(["--config", config]).config.supernode).toEqual(["a", "b"]);
  });

  it("may come from an empty file", () => {
    expect(load(["--config", configFile("# nothing\n")]).config.slots).toBe(4);
  });

  it("keeps what has no flag, up to the number that the program takes", () => {
    expect(load(["one"]).positionals).toEqual(["one"]);
    expect(refusal(["one", "two"])).toBe('unexpected argument "two"; see my tool --help');
  });

  it.each([
    ["--help", "help"],
    ["-h", "help"],
    ["--version", "version"],
    ["--print-config", "print-config"],
  ])("is only asked about by %s", (flag, request) => {
    expect(load([flag, "one", "two"]).request).toBe(request);
  });
});

describe("a configuration is refused in one sentence", () => {
  it.each([
    [["--nonsense"], "unknown option '--nonsense'"],
    [["--listen"], "--listen"],
    [["--slots", "many"], '--slots must be a number, not "many"'],
    [["--slots", ""], '--slots must be a number, not ""'],
    [["--slots", "0"], "--slots (slots) is 0: must be >= 1"],
    [["--slots", "1.5"], "--slots (slots) is 1.5: must be integer"],
    [["--slots", "65"], "--slots (slots) is 65: must be <= 64"],
    [["--disk-quota", "lots"], '--disk-quota must be a size such as 512MiB, not "lots"'],
    [["--disk-quota=-1"], '--disk-quota must be a size such as 512MiB, not "-1"'],
    [["--wait-ms", "soon"], '--wait-ms must be a time such as 30s, not "soon"'],
    [["--wait-ms", "700h"], "--wait-ms (waitMs), in milliseconds, is 2520000000: must be <= "],
    [["--slots", "-1"], "--slots has no value, or one that begins with a dash"],
    [["-l", "-x"], "-l has no value, or one that begins with a dash, which is written as -l-VALUE"],
    [["--log-level", "loud"], '--log-level (logLevel) is "loud": one of info, warn'],
    [["--no-listen"], "--no-listen"],
  ])("for the flags %j", (argv, part) => {
    const sentence = refusal(argv);
    expect(sentence).toContain(part);
    expect(sentence).not.toContain("\n");
  });

  it("for a variable of the environment, which it names", () => {
    expect(refusal([], { MY_TOOL_SHARE: "maybe" })).toBe(
      'MY_TOOL_SHARE must be true or false, not "maybe"',
    );
  });

  it("for an unknown key of the file, and names those that there are", () => {
    const path = configFile("listn: x\n");
    expect(refusal(["--config", path])).toBe(
      `the configuration file ${path} has the unknown key "listn"; the keys are listen, zone, diskQuota, waitMs, slots, share, supernode, logLevel`,
    );
  });

  it("for a value of the file, and names both", () => {
    const path = configFile("diskQuota: lots\n");
    expect(refusal(["--config", path])).toContain(`diskQuota in ${path} must be a size`);
    expect(refusal(["--config", configFile("slots: [1]")])).toContain("--slots (slots) is [1]");
  });

  it.each(["- a\n- b\n", "text\n"])("for a file that holds %j", (text) => {
    expect(refusal(["--config", configFile(text)])).toContain("must hold keys and values");
  });

  it("for a file with an unknown YAML tag, and without a warning besides", () => {
    const warn = vi.spyOn(process, "emitWarning");
    expect(refusal(["--config", configFile("!!js/function x\n")])).toContain("keys and values");
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  it("for a file that is not there, or no YAML", () => {
    expect(refusal(["--config", join(directory, "absent")])).toContain("cannot be read: ENOENT");
    const sentence = refusal(["--config", configFile("a: [1\nb: {\n")]);
    expect(sentence).toContain("cannot be read");
    expect(sentence).not.toContain("\n");
  });
});
