import { readFile, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from "vitest";
import type { CacheListing, CachedTask } from "../../dfget/daemon/cache-schema.ts";
import { EXIT } from "../../platform/user-error.ts";
import { runProgramToEnd, startProgram } from "../harness/darter-programs.ts";
import { FaultyOrigin } from "../harness/faulty-origin.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { findSecrets } from "../harness/secret-scan.ts";
import { seededBytes } from "../harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";

const CONTENT = seededBytes("cache", 3_000_000);
const DIGEST = `sha256:${createHash("sha256").update(CONTENT).digest("hex")}`;

describe("the cache of a node as a tool", () => {
  const resources = new AsyncDisposableStack();
  let origin: FaultyOrigin;
  let fleet: Fleet;
  let home: TemporaryDirectory;

  beforeAll(async () => {
    origin = resources.use(await FaultyOrigin.start());
    fleet = await startFleet({ nodeProgram: "dfget", nodeCount: 2, allowOrigins: ["127.0.0.1"] });
    resources.use(fleet);
    home = resources.use(await TemporaryDirectory.create("home"));
    await writeFile(home.join("model.bin"), CONTENT);
  });

  afterAll(() => resources.disposeAsync());

  async function dfget(node: number, ...args: string[]) {
    onTestFailed(() => console.error(fleet.lastWords()));
    const socket = ["--socket", fleet.node(node).socketPath];
    return await runProgramToEnd("dfget", { args: [...args, ...socket] });
  }

  /** What a command says in JSON; it must succeed. */
  async function json<T>(node: number, ...args: string[]): Promise<T> {
    const { stdout, stderr, code } = await dfget(node, ...args, "--json");
    expect(stderr).toBe("");
    expect(code).toBe(EXIT.ok);
    return JSON.parse(stdout) as T;
  }

  it("takes a file in at one node and gives it out at another", async () => {
    const taken = await dfget(0, "import", home.join("model.bin"), "--name", "model 1");
    expect(taken.stdout).toBe(`model 1: 2.9 MiB as ${DIGEST}`);
    const task = await json<CachedTask>(0, "stat", "model 1");
    expect(task).toMatchObject({ taskId: DIGEST, isComplete: true, lengthBytes: CONTENT.length });
    for (const [node, name] of [
      [0, "model 1"],
      [1, DIGEST],
    ] as const) {
      const target = home.join(`out-${node}`);
      expect((await dfget(node, "export", name, target)).code).toBe(EXIT.ok);
      expect((await readFile(target)).equals(CONTENT)).toBe(true);
    }
    const peers = await json<{ supernode: string; neighbours: unknown[] }>(1, "peers");
    expect(peers).toMatchObject({ supernode: fleet.supernodeUrl });
    expect(peers.neighbours).toHaveLength(1);
    expect((await dfget(1, "peers")).stdout).toContain("1 neighbours");
  });

  it("takes in an empty and a small file too", async () => {
    await writeFile(home.join("empty"), "");
    await writeFile(home.join("small"), "small");
    for (const name of ["empty", "small"]) {
      const { taskId } = await json<CachedTask>(0, "import", home.join(name));
      const target = home.join(`${name}-out`);
      const { code, stderr } = await dfget(1, "export", taskId, target);
      expect(stderr).not.toContain("dfget export:");
      expect(code).toBe(EXIT.ok);
      expect((await readFile(target)).equals(await readFile(home.join(name)))).toBe(true);
    }
  });

  it("lists what is held, pins it and throws it away", async () => {
    const url = origin.serve("/listed?token=secret", { content: CONTENT, etag: '"1"' });
    await dfget(0, url, "-o", home.join("listed"));
    const listing = await json<CacheListing>(0, "ls");
    const listed = listing.tasks.find(({ source }) => source === `${origin.url}/listed`)!;
    expect(listed).toMatchObject({ isComplete: true, isPinned: false, isPrivate: false });
    const text = (await dfget(0, "ls")).stdout;
    expect(text).toContain(`${origin.url}/listed`);
    expect(text).not.toContain("secret");
    expect((await dfget(0, "pin", listed.taskId.slice(0, 16))).stdout).toBe(
      `pinned ${listed.taskId}`,
    );
    expect((await dfget(0, "rm", listed.taskId)).stderr).toMatch(/is pinned; unpin it first/);
    await dfget(0, "unpin", `${origin.url}/listed`);
    expect((await dfget(0, "rm", listed.taskId)).code).toBe(EXIT.ok);
    expect((await dfget(0, "stat", listed.taskId)).code).toBe(EXIT.notFound);
    const after = await json<CacheListing>(0, "ls");
    expect(after.usedBytes).toBe(listing.usedBytes - CONTENT.length);
  });

  it("keeps a pinned task over a restart and while others need the room", async () => {
    const quota = 5_000_000;
    const args = [
      "daemon",
      "--listen",
      "127.0.0.1:0",
      "--disk-quota",
      String(quota),
      "--socket",
      home.join("p.sock"),
      "--data-dir",
      home.join("pinned"),
      "--allow-origin",
      "127.0.0.1",
    ];
    const run = async (...words: string[]) =>
      await runProgramToEnd("dfget", { args: [...words, "--socket", home.join("p.sock")] });
    {
      await using _daemon = await startProgram("dfget", { args });
      await run("import", home.join("model.bin"));
      expect((await run("pin", DIGEST)).code).toBe(EXIT.ok);
    }
    for (const name of ["x", "y"]) {
      // What a daemon has just downloaded is in use for a while, and not evicted.
      await using _daemon = await startProgram("dfget", { args });
      const url = origin.serve(`/${name}`, {
        content: CONTENT.subarray(0, 1_500_000),
        etag: '"1"',
      });
      expect((await run(url, "-o", home.join(name))).code).toBe(EXIT.ok);
    }
    await using _daemon = await startProgram("dfget", { args });
    const { tasks } = JSON.parse((await run("ls", "--json")).stdout) as CacheListing;
    expect(tasks.find(({ taskId }) => taskId === DIGEST)).toMatchObject({
      isPinned: true,
      isComplete: true,
    });
    expect(tasks).toHaveLength(2);
  });

  it("hands a private file to nobody who has not shown the origin his own credentials", async () => {
    const seen: string[] = [];
    const server = createServer((request, response) => {
      const { authorization = "none" } = request.headers;
      seen.push(`${request.method} ${authorization}`);
      if (!["Bearer secret-of-a", "Bearer secret-of-b"].includes(authorization))
        return response.writeHead(401).end();
      response.writeHead(200, { "content-length": CONTENT.length, etag: '"1"' });
      return response.end(request.method === "HEAD" ? undefined : CONTENT);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    resources.defer(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as { port: number }).port}/private`;
    const get = async (node: number, ...headers: string[]) =>
      await dfget(
        node,
        url,
        "-o",
        home.join("private"),
        ...headers.flatMap((header) => ["-H", header]),
      );
    expect((await get(0, "Authorization: Bearer secret-of-a")).code).toBe(EXIT.ok);
    expect((await json<CacheListing>(0, "ls")).tasks.some(({ isPrivate }) => isPrivate)).toBe(true);
    for (const node of [0, 1]) {
      expect((await get(node)).code).toBe(EXIT.denied);
      expect((await get(node, "Authorization: Bearer secret-of-c")).code).toBe(EXIT.denied);
    }
    seen.length = 0;
    expect((await get(1, "Authorization: Bearer secret-of-b")).code).toBe(EXIT.ok);
    expect((await get(0, "Authorization: Bearer secret-of-b")).code).toBe(EXIT.ok);
    expect(seen).toEqual(["GET Bearer secret-of-b", "HEAD Bearer secret-of-b"]);
    // Output, arguments, files, metrics and the rest of what can be read of the processes (behaviour 78).
    expect(await findSecrets(fleet, ["secret-of-a", "secret-of-b", "secret-of-c"])).toEqual([]);
  });

  it("shows and changes how fast a node may be", async () => {
    expect((await dfget(0, "limits")).stdout).toMatch(/^upload +no limit$/m);
    const changed = await json(0, "limits", "--download", "20MiB", "--task=1MiB");
    expect(changed).toEqual({
      uploadBytesPerSecond: 0,
      downloadBytesPerSecond: 20 * 1024 ** 2,
      taskDownloadBytesPerSecond: 1024 ** 2,
    });
    const url = origin.serve("/limited", { content: CONTENT, etag: '"1"' });
    const startedMs = performance.now();
    await dfget(0, url, "-o", home.join("limited"));
    expect(performance.now() - startedMs).toBeGreaterThan(1500);
    await dfget(0, "limits", "--task", "0", "--download", "0");
    expect(await json(0, "limits")).toMatchObject({ taskDownloadBytesPerSecond: 0 });
  });

  it("tells a second daemon which process was there first", async () => {
    const { process: first, socketPath, dataDirectory } = fleet.node(0);
    const start = async (socket: string, dataDir: string) =>
      await runProgramToEnd("dfget", {
        args: ["daemon", "--listen", "127.0.0.1:0", "--socket", socket, "--data-dir", dataDir],
      });
    const atSocket = await start(socketPath, home.join("other-data"));
    const atData = await start(home.join("other.sock"), dataDirectory);
    for (const { code, stderr } of [atSocket, atData]) {
      expect(code).toBe(EXIT.addressInUse);
      expect(stderr).toContain(`process ${first.pid}`);
    }
    expect(atData.stderr).toContain(socketPath);
  });

  it("looks for what keeps downloads from working", async () => {
    const { findings } = await json<{ findings: { state: string }[] }>(0, "doctor");
    expect(findings.map(({ state }) => state)).toEqual(Array(findings.length).fill("good"));
    const alone = await runProgramToEnd("dfget", {
      args: [
        "doctor",
        "--socket",
        home.join("nobody"),
        "--data-dir",
        home.join("none"),
        "--supernode",
        "http://127.0.0.1:9",
      ],
    });
    expect(alone.stdout).toMatch(/^odd +daemon: none runs at /m);
    expect(alone.stdout).toMatch(/^bad +http:\/\/127\.0\.0\.1:9: does not answer/m);
    expect(alone.code).toBe(EXIT.daemonUnavailable);
  });

  const BAD: readonly [readonly string[], number, RegExp][] = [
    [["ls", "--colour"], EXIT.usage, /--colour/],
    [["ls", "something"], EXIT.usage, /unexpected argument/],
    [["stat"], EXIT.usage, /no task to tell of/],
    [["stat", "nothing-like-it"], EXIT.notFound, /nothing-like-it/],
    [["rm", "sha256:"], EXIT.usage, /can mean|write more/],
    [["pin", "zz"], EXIT.notFound, /zz/],
    [["unpin", DIGEST], EXIT.daemonUnavailable, /is not pinned/],
    [["import"], EXIT.usage, /no file to take in/],
    [["import", "/nonexistent"], EXIT.localFile, /nonexistent/],
    [["import", "/tmp"], EXIT.localFile, /no regular file/],
    [["export", DIGEST], EXIT.usage, /a task and a file are needed/],
    [["export", DIGEST, "/nonexistent/x"], EXIT.localFile, /nonexistent/],
  ];

  it.for(BAD)("says in one sentence what is wrong with %j", async ([args, code, names]) => {
    const result = await dfget(0, ...args);
    expect(result.stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(result.stderr).toMatch(names);
    expect(result.code).toBe(code);
  });
});
