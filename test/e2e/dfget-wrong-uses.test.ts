import { execFile } from "node:child_process";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";
import { promisify } from "node:util";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EXIT } from "../../platform/user-error.ts";
import { runProgramToEnd, startProgram } from "../harness/darter-programs.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";

const MAIN = join(import.meta.dirname, "..", "..", "dfget", "main.ts");

/** Answers that no good server gives, by path. */
const spiteful = createServer((request, response) => {
  const { pathname: path } = new URL(request.url ?? "/", "http://spite");
  const raw = (bytes: string): void => void request.socket.end(bytes);
  if (path === "/loop") return void response.writeHead(302, { location: "/loop" }).end();
  if (path === "/to-file")
    return void response.writeHead(302, { location: "file:///etc/passwd" }).end();
  if (path === "/to-metadata")
    return void response.writeHead(302, { location: "http://169.254.169.254/" }).end();
  if (path === "/garbage") return raw("\0\u0001 hello\r\n\r\n");
  if (path === "/negative") return raw("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc");
  if (path === "/headers") return raw(`HTTP/1.1 200 OK\r\nX-A: ${"a".repeat(300_000)}\r\n\r\n`);
  if (path === "/encoded")
    return void response.writeHead(200, { "content-encoding": "gzip" }).end("abc");
  if (path === "/short") {
    response.writeHead(200, { "content-length": 10 });
    return void response.end(request.method === "HEAD" ? undefined : "abc", () =>
      request.socket.destroy(),
    );
  }
  if (path === "/list/") {
    const names = ["a%1b%5b31m", "%2e%2e%2fout", "nul%00", "n".repeat(300), "ok", "-rf"];
    const links = names.map((name) => `<a href="${name}">x</a>`).join("\n");
    return void response.end(`<html><title>Index of</title>${links}</html>`);
  }
  return void response.end("hello");
});

describe("dfget, used wrongly or at a spiteful server,", () => {
  const resources = new AsyncDisposableStack();
  let home: TemporaryDirectory;
  let url: string;

  beforeAll(async () => {
    home = resources.use(await TemporaryDirectory.create("wrong"));
    spiteful.listen(0, "127.0.0.1");
    resources.defer(() => {
      spiteful.closeAllConnections();
      spiteful.close();
    });
    await once(spiteful, "listening");
    url = `http://127.0.0.1:${(spiteful.address() as { port: number }).port}`;
    const places = ["--listen", "127.0.0.1:0", "--socket", home.join("s"), "--data-dir"];
    const args = ["daemon", ...places, home.join("data"), "--allow-origin", "127.0.0.1"];
    resources.use(await startProgram("dfget", { args }));
    await mkdir(home.join("things", "directory"), { recursive: true });
    await writeFile(home.join("things", "file"), "");
    await promisify(execFile)("mkfifo", [home.join("things", "pipe")]);
  });

  afterAll(() => resources.disposeAsync());

  /** What is said, where, is for the user; what is in the way of a shell or a screen is not. */
  type Use = readonly [args: string, code: number, says: RegExp];

  async function expectAll(uses: readonly Use[]): Promise<void> {
    const env = { DFGET_SOCKET: home.join("s"), HOME: home.path, NO_COLOR: "1" };
    const before = await readdir(home.join("things"), { recursive: true });
    // Two at a time, as many as the machine has cores.
    const waiting = uses.values();
    const work = async (): Promise<void> => {
      for (const [text, code, says] of waiting) {
        const args = text
          .split(" ")
          .map((word) => word.replace("URL", url).replace("HOME", home.path));
        const result = await runProgramToEnd("dfget", { args, env });
        const said = result.stderr.trimEnd().split("\n");
        // A note about a list is no failure.
        const lines = said.filter((line) => !line.includes("are left out"));
        expect([text, lines.at(-1)]).toEqual([text, expect.stringMatching(says)]);
        expect([text, result.code]).toEqual([text, code]);
        // oxlint-disable-next-line no-control-regex -- that there is none is what is tried
        expect(result.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f]| {4}at .*:\d+/);
        if (code !== EXIT.ok) expect([text, lines.length]).toEqual([text, 1]);
      }
    };
    await Promise.all([work(), work()]);
    expect(await readdir(home.join("things"), { recursive: true })).toEqual(before);
  }

  it("says what is wrong with an answer", async () => {
    const uses: readonly Use[] = [
      ["/loop", EXIT.originFailed, /redirects more than \d+ times/],
      ["/to-file", EXIT.originFailed, /redirects .* no usable address/],
      ["/to-metadata", EXIT.denied, /169\.254\.169\.254, a cloud metadata address/],
      ["/garbage", EXIT.originFailed, /does not speak HTTP|broke off/],
      ["/negative", EXIT.originFailed, /does not speak HTTP|broke off/],
      ["/headers", EXIT.originFailed, /more headers than are accepted/],
      ["/encoded", EXIT.originFailed, /encoded although plain content/],
      ["/short --timeout 1s", EXIT.timedOut, /nothing has arrived that/],
    ];
    await expectAll(
      uses.map(([args, ...rest]) => [`URL${args} -o HOME/things/out`, ...rest] as Use),
    );
  });

  it("says what is wrong with a target or a list", async () => {
    await expectAll([
      ["URL/f -o HOME/things/file/below", EXIT.localFile, /file is not a directory/],
      ["URL/f -o HOME/things/file/", EXIT.localFile, /is no directory but a file/],
      ["URL/f -o HOME/things/directory", EXIT.localFile, /is a directory; write .*\/ to put/],
      ["URL/f -o /proc/darter", EXIT.localFile, /\/proc takes no new files/],
      ["-r URL/list/ -o /proc/darter/", EXIT.localFile, /\/proc takes no new files/],
      ["-r URL/list/ -o HOME/things/file", EXIT.localFile, /not a directory/],
      ["-r URL/list/ -o HOME/things/new --max-files 1", EXIT.usage, /more than 1 files/],
      ["URL/none/ -o HOME/things/new/", EXIT.usage, /does not end in a file name/],
      ["-r URL/no-list -o HOME/things/new/", EXIT.originFailed, /is no list of a directory/],
      [`URL/f -o HOME/${"n".repeat(5000)}`, EXIT.localFile, /too long for a path/],
      ["-i HOME/things/file", EXIT.usage, /holds no URL/],
      ["-i HOME/things/directory", EXIT.usage, /cannot be read \(EISDIR\)/],
      ["-i HOME/things/pipe --timeout 1s", EXIT.timedOut, /gave up after 1\.0 s/],
      ["import HOME/things/pipe", EXIT.localFile, /is no regular file/],
      ["import HOME/things/file --name ", EXIT.usage, /--name must have 1 to/],
      ["stat \u001b[31m\u009b\u202e", EXIT.notFound, /nothing that is called "/],
      ["export URL/f /proc/darter", EXIT.notFound, /nothing that is called/],
      ["daemon --data-dir /proc/darter --socket HOME/t", EXIT.localFile, /cannot be made/],
    ]);
  });

  it("leaves out names that cannot be files, and says so", async () => {
    const { stderr, code } = await runProgramToEnd("dfget", {
      args: ["-r", `${url}/list/`, "-o", home.join("tree"), "--socket", home.join("s")],
    });
    expect(code).toBe(EXIT.ok);
    expect(stderr).toMatch(/^dfget: 3 names, such as .*, in .*\/list\/ are left out/m);
    expect(stderr).not.toContain("\u001b");
    expect((await readdir(home.join("tree"))).sort((a, b) => (a < b ? -1 : 1))).toEqual([
      "-rf",
      "a\u001b[31m",
      "ok",
    ]);
  });

  it("makes a directory that is named with a / at its end, and none where nothing came", async () => {
    const get = async (path: string, ...flags: string[]) =>
      await runProgramToEnd("dfget", {
        args: [
          `${url}${path}`,
          "-o",
          home.join("new", "below/"),
          "--socket",
          home.join("s"),
          ...flags,
        ],
      });
    expect((await get("/loop")).code).toBe(EXIT.originFailed);
    expect(await readdir(home.path)).not.toContain("new");
    expect((await get("/f")).code).toBe(EXIT.ok);
    expect(await readdir(home.join("new", "below"))).toEqual(["f"]);
  });

  it.each(["ls", "--help", "URL/f -o -", "URL/f -o HOME/out --json"])(
    "says that its output goes to a full disk: %s",
    async (text) => {
      const args = text
        .split(" ")
        .map((word) => word.replace("URL", url).replace("HOME", home.path));
      const env = { ...process.env, DFGET_SOCKET: home.join("s") };
      const shell = 'exec "$0" "$@" >/dev/full';
      const ran = await promisify(execFile)("sh", ["-c", shell, process.execPath, MAIN, ...args], {
        env,
      }).catch((error: unknown) => error as { code: number; stderr: string });
      expect(ran).toMatchObject({
        code: EXIT.localFile,
        stderr: expect.stringMatching(
          /^dfget[ a-z]*: standard output goes to a disk that is full; make room and try again\n$/,
        ) as string,
      });
    },
  );
});
