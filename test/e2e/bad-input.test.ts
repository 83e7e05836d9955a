import { mkdir, readdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from "vitest";
import { EXIT } from "../../platform/user-error.ts";
import { runProgramToEnd, type Program } from "../harness/darter-programs.ts";
import { FaultyOrigin } from "../harness/faulty-origin.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { freePort } from "../harness/free-port.ts";
import { bytesDigest, seededBytes } from "../harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";

const CONTENT = seededBytes("bad input", 600_000);
const OTHER_DIGEST = bytesDigest(Buffer.from("something else"));

describe("dfget, given something that cannot be downloaded,", () => {
  const resources = new AsyncDisposableStack();
  let origin: FaultyOrigin;
  let fleet: Fleet;
  let home: TemporaryDirectory;

  beforeAll(async () => {
    origin = resources.use(await FaultyOrigin.start());
    for (const status of [401, 403, 404, 500]) {
      origin.serve(`/status-${status}`, { content: CONTENT, faults: { status } });
    }
    origin.serve("/good", { content: CONTENT });
    fleet = await startFleet({
      nodeProgram: "dfget",
      nodeCount: 1,
      allowOrigins: ["127.0.0.1"],
    });
    resources.use(fleet);
    home = resources.use(await TemporaryDirectory.create("home"));
    await mkdir(home.join("directory"));
    await writeFile(home.join("plain-file"), "");
  });

  afterAll(() => resources.disposeAsync());

  interface BadCall {
    readonly what: string;
    /** Address and flags, without target and socket. */
    readonly args: () => readonly string[] | Promise<readonly string[]>;
    readonly target?: string;
    readonly exitCode: number;
    /** What the sentence must name. */
    readonly names: RegExp;
  }

  const calls: readonly BadCall[] = [
    {
      what: "an unknown flag",
      args: () => [`${origin.url}/good`, "--fast"],
      exitCode: EXIT.usage,
      names: /--fast/,
    },
    {
      what: "something that is no address",
      args: () => ["not an address"],
      exitCode: EXIT.usage,
      names: /not an address/,
    },
    {
      what: "an address of an unknown scheme",
      args: () => ["gopher://127.0.0.1/x"],
      exitCode: EXIT.usage,
      names: /gopher|http/,
    },
    {
      what: "a port where nothing listens",
      args: async () => [`http://127.0.0.1:${await freePort()}/x`],
      exitCode: EXIT.unreachable,
      names: /127\.0\.0\.1|refuse|connect|reach/i,
    },
    {
      what: "an origin that wants credentials",
      args: () => [`${origin.url}/status-401`],
      exitCode: EXIT.denied,
      names: /401|credentials/i,
    },
    {
      what: "an origin that forbids",
      args: () => [`${origin.url}/status-403`],
      exitCode: EXIT.denied,
      names: /403|refuse|denie|forbid/i,
    },
    {
      what: "a file that the origin has not",
      args: () => [`${origin.url}/status-404`],
      exitCode: EXIT.notFound,
      names: /404|not found|no such/i,
    },
    {
      what: "an origin that fails",
      args: () => [`${origin.url}/status-500`],
      exitCode: EXIT.originFailed,
      names: /500|fail|error/i,
    },
    {
      what: "a digest that is another file's",
      args: () => [`${origin.url}/good`, "--digest", OTHER_DIGEST],
      exitCode: EXIT.digestMismatch,
      names: /digest/i,
    },
    {
      what: "a digest that is none",
      args: () => [`${origin.url}/good`, "--digest", "sha256:abc"],
      exitCode: EXIT.usage,
      names: /digest/i,
    },
    {
      what: "a directory as the target",
      args: () => [`${origin.url}/good`],
      target: "directory",
      exitCode: EXIT.localFile,
      names: /directory/,
    },
    {
      what: "a target under a plain file",
      args: () => [`${origin.url}/good`],
      target: "plain-file/below",
      exitCode: EXIT.localFile,
      names: /plain-file/,
    },
    {
      what: "a target in a directory that is not there",
      args: () => [`${origin.url}/good`],
      target: "absent/file",
      exitCode: EXIT.localFile,
      names: /absent/,
    },
  ];

  it.for(calls)("says so in one sentence and leaves nothing: $what", async (call) => {
    onTestFailed(() => console.error(fleet.lastWords()));
    const target = home.join(call.target ?? "target");
    const result = await runProgramToEnd("dfget", {
      args: [...(await call.args()), "-o", target, "--socket", fleet.node(0).socketPath],
    });
    expectOneSentence("dfget", result.stderr, call.names);
    expect(result.code).toBe(call.exitCode);
    expect(result.stdout).toBe("");
    expect((await readdir(home.path, { recursive: true })).sort()).toEqual([
      "directory",
      "plain-file",
    ]);
  });

  it("says so for a target that the system does not let anybody write", async () => {
    const result = await runProgramToEnd("dfget", {
      args: [`${origin.url}/good`, "-o", "/sys/darter", "--socket", fleet.node(0).socketPath],
    });
    expectOneSentence("dfget", result.stderr, /\/sys\/darter/);
    expect(result.code).toBe(EXIT.localFile);
  });
});

describe("a program that cannot start says why in one sentence:", () => {
  const programs: readonly { program: Program; args: readonly string[] }[] = [
    { program: "supernode", args: [] },
    { program: "registry-proxy", args: ["--supernode", "http://127.0.0.1:9"] },
    { program: "dfget", args: ["daemon", "--supernode", "http://127.0.0.1:9"] },
  ];

  const failToStart = async (
    { program, args }: (typeof programs)[number],
    added: (home: TemporaryDirectory) => readonly string[],
  ): Promise<{ code: number | null; stderr: string; left: readonly string[] }> => {
    await using home = await TemporaryDirectory.create("home");
    await writeFile(home.join("unknown-key.yaml"), "colour: blue\n");
    const before = await readdir(home.path);
    const { code, stderr } = await runProgramToEnd(program, {
      args: [...args, "--data-dir", home.join("data"), ...added(home)],
    });
    const left = (await readdir(home.path)).filter((name) => !before.includes(name));
    return { code, stderr, left };
  };

  it.for(programs)("$program with an unknown flag", async (each) => {
    const { code, stderr, left } = await failToStart(each, () => ["--colour", "blue"]);
    expectOneSentence(each.program, stderr, /--colour/);
    expect({ code, left }).toEqual({ code: EXIT.usage, left: [] });
  });

  it.for(programs)("$program with a configuration file that is not there", async (each) => {
    const { code, stderr, left } = await failToStart(each, (home) => [
      "--config",
      home.join("absent.yaml"),
    ]);
    expectOneSentence(each.program, stderr, /absent\.yaml/);
    expect({ code, left }).toEqual({ code: EXIT.usage, left: [] });
  });

  it.for(programs)("$program with an unknown key in its configuration", async (each) => {
    const { code, stderr, left } = await failToStart(each, (home) => [
      "--config",
      home.join("unknown-key.yaml"),
    ]);
    expectOneSentence(each.program, stderr, /colour/);
    expect({ code, left }).toEqual({ code: EXIT.usage, left: [] });
  });

  it.for(programs)("$program on a port that is in use", async (each) => {
    await using taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const bound = taken.address();
    if (bound === null || typeof bound === "string") throw new Error("no TCP port was bound");
    const listen = ["--listen", `127.0.0.1:${bound.port}`];
    const { code, stderr } = await failToStart(each, (home) =>
      each.program === "dfget" ? [...listen, "--socket", home.join("dfget.sock")] : listen,
    );
    expectOneSentence(each.program, stderr, new RegExp(`127\\.0\\.0\\.1:${bound.port}`));
    expect(code).toBe(EXIT.addressInUse);
  });
});

/** Expects one line that begins with the program's name and is no stack, besides log records. */
function expectOneSentence(program: string, stderr: string, names: RegExp): void {
  const lines = stderr.split("\n").filter((line) => line !== "" && !line.startsWith("{"));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(new RegExp(`^${program}[ a-z]*: \\S`));
  expect(lines[0]).toMatch(names);
}
