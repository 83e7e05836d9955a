import { createHash } from "node:crypto";
import { chmod, mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from "vitest";
import { EXIT } from "../../platform/user-error.ts";
import { runProgramToEnd } from "../harness/darter-programs.ts";
import { FaultyOrigin } from "../harness/faulty-origin.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { seededBytes } from "../harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";

const CONTENT = seededBytes("flags", 900_000);
const LAST_MODIFIED = "Wed, 21 Oct 2015 07:28:00 GMT";
const hashOf = (algorithm: string): string =>
  `${algorithm}:${createHash(algorithm).update(CONTENT).digest("hex")}`;

describe("dfget", () => {
  const resources = new AsyncDisposableStack();
  let origin: FaultyOrigin;
  let fleet: Fleet;
  let home: TemporaryDirectory;
  let url: string;

  beforeAll(async () => {
    origin = resources.use(await FaultyOrigin.start());
    url = origin.serve("/a.bin", { content: CONTENT, etag: '"1"', lastModified: LAST_MODIFIED });
    origin.serve("/b.bin", { content: CONTENT.subarray(0, 1000), etag: '"1"' });
    origin.serve("/slow", { content: CONTENT, faults: { firstByteDelayMs: 60_000 } });
    fleet = await startFleet({ nodeProgram: "dfget", nodeCount: 1, allowOrigins: ["127.0.0.1"] });
    resources.use(fleet);
    home = resources.use(await TemporaryDirectory.create("home"));
  });

  afterAll(() => resources.disposeAsync());

  async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    onTestFailed(() => console.error(fleet.lastWords()));
    const socket = ["--socket", fleet.node(0).socketPath];
    return await runProgramToEnd("dfget", { args: [...args, ...socket], env });
  }

  /** Downloads into a fresh directory, which must succeed, and returns what is in it. */
  async function get(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    await using directory = await TemporaryDirectory.create("get");
    const { code, stderr, stdout } = await run([...args, "-o", `${directory.path}/`], env);
    expect(stderr).not.toMatch(/^dfget: /m);
    expect(code).toBe(EXIT.ok);
    const files = new Map<string, Buffer>();
    for (const name of await readdir(directory.path))
      files.set(name, await readFile(directory.join(name)));
    return { files, stderr, stdout };
  }

  it("gives the file the origin's time and the usual rights, or those of --mode and --no-mtime", async () => {
    const beforeMs = Date.now() - 1000;
    expect((await run([url, "-o", home.join("usual")])).code).toBe(EXIT.ok);
    const usual = await stat(home.join("usual"));
    expect(usual.mtimeMs).toBe(Date.parse(LAST_MODIFIED));
    expect(usual.mode & 0o777).toBe(0o666 & ~process.umask());
    await run([url, "-o", home.join("own"), "--mode", "0600", "--no-mtime"]);
    const own = await stat(home.join("own"));
    expect(own.mtimeMs).toBeGreaterThan(beforeMs);
    expect(own.mode & 0o777).toBe(0o600);
  });

  it("takes several URLs, also from a list, -j at a time, and says how all went", async () => {
    await writeFile(home.join("list"), `# two\n${origin.url}/b.bin\n\n${url}\n`);
    const { files, stderr } = await get([url, "-i", home.join("list"), "-j", "2"]);
    expect([...files.keys()].sort()).toEqual(["a.bin", "b.bin"]);
    expect(files.get("a.bin")?.equals(CONTENT)).toBe(true);
    expect(stderr).toMatch(/^2 files, 880 KiB in /m);
  });

  it("goes on with the other files when one fails, and its exit code tells", async () => {
    const directory = home.join("some");
    await mkdir(directory);
    const some = await run([`${origin.url}/none`, url, "-o", directory]);
    expect(some.code).toBe(EXIT.someFailed);
    expect(some.stderr).toMatch(/^none: failed: .*404/m);
    expect(await readdir(directory)).toEqual(["a.bin"]);
    const all = await run([`${origin.url}/none`, `${origin.url}/nothing`, "-q"]);
    expect(all.code).toBe(EXIT.notFound);
  });

  it("writes to standard output with -o -, one file after the other", async () => {
    const socket = ["--socket", fleet.node(0).socketPath];
    const args = [`${origin.url}/b.bin`, `${url}?again`, "-o", "-", "--range", "0-9"];
    origin.serve("/a.bin?again", { content: CONTENT, etag: '"1"' });
    const { stdout, code } = await runProgramToEnd("dfget", { args: [...args, ...socket, "-q"] });
    expect(code).toBe(EXIT.ok);
    const ten = CONTENT.subarray(0, 10).toString("utf8");
    expect(stdout.trimEnd()).toBe((ten + ten).trimEnd());
  });

  it.each([
    ["100-199", 100, 200],
    ["899000-", 899_000, 900_000],
    ["899000-9999999", 899_000, 900_000],
    ["-1000", 899_000, 900_000],
  ])("fetches the part that --range=%s names", async (range, start, end) => {
    for (const way of [[], ["--direct"]]) {
      const { files } = await get([url, `--range=${range}`, ...way]);
      expect(files.get("a.bin")?.equals(CONTENT.subarray(start, end))).toBe(true);
    }
  });

  it("says that a range is outside of the file", async () => {
    const { code, stderr } = await run([url, "--range=900000-", "-o", home.join("outside")]);
    expect(stderr).toMatch(/begins after the end of the 900000 bytes|416/);
    expect(code).not.toBe(EXIT.ok);
  });

  it.each(["sha256", "sha512", "md5"])("checks a --digest of kind %s", async (algorithm) => {
    await get([url, "--digest", hashOf(algorithm)]);
    const other = `${algorithm}:${"0".repeat(hashOf(algorithm).length - algorithm.length - 1)}`;
    const { code } = await run([url, "--digest", other, "-o", home.join("wrong")]);
    expect(code).toBe(EXIT.digestMismatch);
    await expect(stat(home.join("wrong"))).rejects.toThrow("ENOENT");
  });

  it("sends the headers of -H, and user and password of the netrc file", async () => {
    await writeFile(home.join("netrc"), "machine 127.0.0.1 login u password p\n");
    origin.serve("/headers", { content: CONTENT, etag: '"1"' });
    await get([
      `${origin.url}/headers`,
      "-H",
      "X-Test: one, two",
      "--netrc-file",
      home.join("netrc"),
    ]);
    const basic = `Basic ${Buffer.from("u:p").toString("base64")}`;
    for (const { headers } of origin.gets("/headers")) {
      expect(headers).toMatchObject({ "x-test": "one, two", authorization: basic });
    }
    await get([`${origin.url}/headers`, "--no-netrc"], { NETRC: home.join("netrc") });
    expect(origin.gets("/headers").at(-1)?.headers).not.toHaveProperty("authorization");
  });

  it("takes URLs for one file that differ by what --filter names, and for two by --tag", async () => {
    for (const signature of ["1", "2"]) {
      origin.serve(`/f?id=1&sig=${signature}`, { content: CONTENT, etag: '"1"' });
    }
    await get([`${origin.url}/f?id=1&sig=1`, "--filter", "sig"]);
    await get([`${origin.url}/f?id=1&sig=2`, "--filter", "sig"]);
    expect(origin.gets("/f?id=1&sig=2")).toHaveLength(0);
    await get([`${origin.url}/f?id=1&sig=2`, "--filter", "sig", "--tag", "other"]);
    expect(origin.gets("/f?id=1&sig=2")).toHaveLength(1);
  });

  it("sends no faster than --limit-rate", async () => {
    const startedMs = performance.now();
    await get([url, "--limit-rate", "900KB"]);
    expect(performance.now() - startedMs).toBeGreaterThan(800);
  });

  it("takes hardly longer for one node alone than reading the origin, and no time the second time (behaviour 85)", async () => {
    // Slow enough that what programs take to start does not matter.
    const faults = { rateBytesPerSecond: 600_000 };
    const slowUrl = origin.serve("/paced", { content: CONTENT, etag: '"1"', faults });
    const seconds = async (...way: string[]): Promise<number> => {
      const startedMs = performance.now();
      await get([slowUrl, ...way]);
      return (performance.now() - startedMs) / 1000;
    };
    const direct = await seconds("--direct");
    expect(await seconds()).toBeLessThan(1.5 * direct + 0.3);
    expect(await seconds()).toBeLessThan(direct);
  });

  it("fetches -j files at a time, and no more", async () => {
    let isHeld = true;
    const faults = { holdAtByte: () => (isHeld ? 0 : Infinity) };
    const urls = [1, 2, 3, 4].map((index) =>
      origin.serve(`/many-${index}`, { content: CONTENT.subarray(0, 1000 + index), faults }),
    );
    const openCount = (): number =>
      origin.requests.filter(({ path, hasEnded }) => path.startsWith("/many-") && !hasEnded).length;
    for (const count of [1, 3]) {
      isHeld = true;
      let most = 0;
      const watching = setInterval(() => (most = Math.max(most, openCount())), 5);
      const fetching = get([...urls, "--direct", "-j", String(count)]);
      try {
        await expect.poll(openCount).toBe(count);
      } finally {
        isHeld = false;
      }
      await fetching;
      clearInterval(watching);
      expect(most).toBe(count);
    }
  });

  it("gives up after --timeout", async () => {
    const { code, stderr } = await run([
      `${origin.url}/slow`,
      "-o",
      home.join("slow"),
      "--timeout",
      "1s",
    ]);
    expect(code).toBe(EXIT.timedOut);
    expect(stderr).toMatch(/gave up after 1\.0 s/);
  });

  it("tries again as often as --retry says when the origin fails", async () => {
    const answers = [503, 503, 503, 503, 503, 200];
    const server = createServer((request, response) => {
      const status = request.method === "HEAD" ? 503 : (answers.shift() ?? 200);
      response.writeHead(status).end(status === 200 && request.method === "GET" ? "at last" : "");
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    resources.defer(() => void server.close());
    const bound = server.address() as { port: number };
    const { files, stderr } = await get([
      `http://127.0.0.1:${bound.port}/f`,
      "--direct",
      "--retry",
      "1",
    ]);
    expect(files.get("f")?.toString()).toBe("at last");
    expect(stderr).toMatch(/503.*trying again/);
  });

  it("leaves a target alone, or not, as it is told", async () => {
    const target = home.join("target");
    const attempt = async (...flags: string[]) => await run([url, "-o", target, ...flags]);
    await writeFile(target, "mine");
    expect((await attempt("--no-clobber")).stderr).toMatch(/left alone/);
    expect(await readFile(target, "utf8")).toBe("mine");
    expect((await attempt("--continue")).stderr).not.toMatch(/complete/);
    expect((await readFile(target)).equals(CONTENT)).toBe(true);
    expect((await attempt("-c")).stderr).toMatch(/is there already, complete/);
    expect((await attempt("-c", "--digest", hashOf("md5"))).stderr).toMatch(/already, complete/);
    await writeFile(target, "mine");
    expect((await attempt("--overwrite")).code).toBe(EXIT.ok);
    expect((await readFile(target)).equals(CONTENT)).toBe(true);
  });

  it("links to the daemon's file with --hard-link, read-only, which the daemon goes on using", async () => {
    const target = home.join("linked");
    expect((await run([url, "-o", target, "--hard-link", "--digest", hashOf("md5")])).code).toBe(
      EXIT.ok,
    );
    const info = await stat(target);
    expect(info.nlink).toBe(2);
    expect(info.mode & 0o777).toBe(0o444);
    expect((await readFile(target)).equals(CONTENT)).toBe(true);
    expect((await get([url])).files.get("a.bin")?.equals(CONTENT)).toBe(true);
  });

  it("gives the right bytes again when somebody wrote to such a link, and does not touch what he wrote", async () => {
    const target = home.join("written");
    await run([url, "-o", target, "--hard-link"]);
    await chmod(target, 0o600);
    const { nlink } = await stat(target);
    await writeFile(target, "mine", { flag: "r+" });
    const mine = Buffer.from(CONTENT);
    mine.write("mine");
    for (const _again of [1, 2]) {
      expect((await get([url])).files.get("a.bin")?.equals(CONTENT)).toBe(true);
    }
    expect((await readFile(target)).equals(mine)).toBe(true);
    expect((await stat(target)).nlink).toBe(nlink - 1);
  });

  it("leaves nothing when a --direct download fails", async () => {
    const args = [`${origin.url}/none`, "--direct", "-o", home.join("no-such")];
    expect((await run(args)).code).toBe(EXIT.notFound);
    const names = await readdir(home.path);
    expect(names.filter((name) => name.includes("no-such"))).toEqual([]);
  });

  it("asks neither daemon nor supernode with --direct, and proxies of the environment are used", async () => {
    const seen: string[] = [];
    const proxy = createServer((request, response) => {
      seen.push(request.url ?? "");
      response.end("by proxy");
    }).listen(0, "127.0.0.1");
    await once(proxy, "listening");
    resources.defer(() => void proxy.close());
    const { port } = proxy.address() as { port: number };
    const args = [
      "http://nowhere.invalid/f",
      "--direct",
      "-o",
      home.join("proxied"),
      "--socket",
      "/nonexistent",
    ];
    const env = { http_proxy: `http://127.0.0.1:${port}`, no_proxy: "" };
    const { code } = await runProgramToEnd("dfget", { args, env });
    expect(code).toBe(EXIT.ok);
    expect(await readFile(home.join("proxied"), "utf8")).toBe("by proxy");
    expect(seen).toContain("http://nowhere.invalid/f");
  });

  it("tells each event as a line of JSON with --json, and nothing with -q", async () => {
    const { stdout, stderr } = await get([url, `${origin.url}/b.bin`, "--json"]);
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { event: string }).event);
    expect(
      events
        .filter((event) => event !== "progress")
        .sort()
        .join(" "),
    ).toBe("ended finished finished opened opened");
    expect(stderr).toBe("");
    const quiet = await get([url, "-q"]);
    expect(quiet.stdout + quiet.stderr).toBe("");
  });

  it("has colours only where --color says so when it writes to a pipe", async () => {
    expect((await get([url])).stderr).not.toContain("\u001b");
    expect((await get([url, "--color", "always"])).stderr).toContain("\u001b[32m");
  });

  it("takes a command line of Dragonfly 1 and ends with its result line", async () => {
    const target = home.join("v1");
    const args = [
      "-u",
      url,
      "-o",
      target,
      "-s",
      "20M",
      "-m",
      hashOf("md5").slice(4),
      "--notbs",
      "--console",
    ];
    const { code, stdout } = await run(args);
    expect(code).toBe(EXIT.ok);
    expect(stdout).toMatch(/^download SUCCESS cost:\d+\.\d{3}s length:900000 reason:0$/);
    expect((await readFile(target)).equals(CONTENT)).toBe(true);
    const failed = await run([
      "-u",
      `${origin.url}/none`,
      "-o",
      home.join("none"),
      "--notbs",
      "--console",
    ]);
    expect(failed.stdout).toMatch(/^download FAIL .* reason:1010 error:.*404/);
  });

  it("starts a daemon with what --supernode, --allow-origin, --data-dir and --idle-exit say", async () => {
    await using own = await TemporaryDirectory.create("own");
    const args = [
      url,
      "-o",
      own.join("f"),
      "--socket",
      own.join("s"),
      "--data-dir",
      own.join("d"),
      "--idle-exit",
      "200ms",
      "--supernode",
      fleet.supernodeUrl,
      "--allow-origin",
      "127.0.0.1",
    ];
    const env = { DFGET_DAEMON_LISTEN: "127.0.0.1:0" };
    const { code, stderr } = await runProgramToEnd("dfget", { args, env });
    expect(stderr).toMatch(/(seed|peers) 100%|seed \d+%/);
    expect(code).toBe(EXIT.ok);
    const log = await readFile(own.join("d", "daemon.log"), "utf8");
    expect(log).toContain('"what":"dfget daemon"');
    while ((await readdir(own.path)).includes("s"))
      await new Promise((resolve) => setTimeout(resolve, 20));
  });
});
