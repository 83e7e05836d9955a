import { afterAll, beforeAll, describe, expect, it, onTestFailed } from "vitest";
import { EXIT } from "../../platform/user-error.ts";
import type { ChildProcess } from "../harness/child-process.ts";
import { runProgramToEnd, startProgram } from "../harness/darter-programs.ts";
import { FaultyOrigin } from "../harness/faulty-origin.ts";
import { freePort } from "../harness/free-port.ts";
import { bytesDigest, fileDigest, seededBytes } from "../harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";
import { until } from "../harness/until.ts";

const CONTENT = seededBytes("two supernodes", 6_000_000);
const NODES = [0, 1, 2];

/** Behaviour 82 of Dragonfly 1's list: every supernode there asked the origin for itself. */
describe("nodes that know two supernodes", () => {
  const resources = new AsyncDisposableStack();
  const supernodes: ChildProcess[] = [];
  let home: TemporaryDirectory;
  let origin: FaultyOrigin;

  beforeAll(async () => {
    home = resources.use(await TemporaryDirectory.create("two"));
    origin = resources.use(await FaultyOrigin.start());
    const urls: string[] = [];
    for (const name of ["one", "other"]) {
      const listen = `127.0.0.1:${await freePort()}`;
      const places = ["--listen", listen, "--data-dir", home.join(name)];
      const args = [...places, "--allow-origin", "127.0.0.1"];
      supernodes.push(resources.use(await startProgram("supernode", { args })));
      urls.push(`http://${listen}`);
    }
    const known = urls.flatMap((url) => ["--supernode", url]);
    const starts = NODES.map(async (node) => {
      const places = ["--listen", "127.0.0.1:0", "--data-dir", home.join(`data-${node}`)];
      const socket = ["--socket", home.join(`s${node}`)];
      const args = ["daemon", ...places, ...socket, ...known, "--allow-origin", "127.0.0.1"];
      resources.use(await startProgram("dfget", { args }));
    });
    await Promise.all(starts);
  });

  afterAll(() => resources.disposeAsync());

  const get = async (node: number, url: string): Promise<void> => {
    const target = home.join(`file-${node}`);
    const args = [url, "-o", target, "--socket", home.join(`s${node}`)];
    const { code, stderr } = await runProgramToEnd("dfget", { args });
    expect([code, stderr]).toEqual([EXIT.ok, expect.not.stringMatching(/^dfget:/m)]);
    expect(await fileDigest(target)).toBe(bytesDigest(CONTENT));
  };

  const supernodeOf = async (node: number): Promise<string | undefined> => {
    const args = ["peers", "--json", "--socket", home.join(`s${node}`)];
    const { stdout } = await runProgramToEnd("dfget", { args });
    return (JSON.parse(stdout) as { supernode?: string }).supernode;
  };

  it("meet at one of them, so that the origin is asked once, and stay together when it is gone", async () => {
    onTestFailed(() => console.error(supernodes.map((each) => each.lastWords()).join("\n")));
    const before = await Promise.all(NODES.map(supernodeOf));
    expect(new Set(before).size).toBe(1);
    const url = origin.serve("/file", { content: CONTENT, etag: '"1"' });
    await Promise.all([0, 1].map(async (node) => await get(node, url)));
    expect(origin.gets("/file")).toHaveLength(1);
    await supernodes[0]!.killHard();
    await until(
      async () => {
        const after = new Set(await Promise.all(NODES.map(supernodeOf)));
        return after.size === 1 && !after.has(undefined) && !after.has(before[0]);
      },
      { what: "all to be at the other supernode", timeoutMs: 60_000 },
    );
    // What two nodes hold is known there by what they say, and is not read again.
    await get(2, url);
    expect(origin.gets("/file")).toHaveLength(1);
  });
});
