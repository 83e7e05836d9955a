import { readdir, readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from "vitest";
import { runProgramToEnd } from "../harness/darter-programs.ts";
import { FaultyOrigin } from "../harness/faulty-origin.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import type { OriginFaults } from "../harness/origin-faults.ts";
import { bytesDigest, seededBytes } from "../harness/seeded-bytes.ts";

const PIECE_BYTES = 256 * 1024;

interface OddFile {
  readonly what: string;
  readonly lengthBytes: number;
  /** As it stands in the address. */
  readonly path: string;
  readonly faults?: OriginFaults;
  /** Name of the file to write; the test makes one up when there is none. */
  readonly target?: string;
}

const FILES: readonly OddFile[] = [
  { what: "an empty file", lengthBytes: 0, path: "/empty" },
  { what: "a file of one byte", lengthBytes: 1, path: "/one-byte" },
  { what: "a file of exactly one piece", lengthBytes: PIECE_BYTES, path: "/piece" },
  { what: "a file of one piece and a byte", lengthBytes: PIECE_BYTES + 1, path: "/piece-and-byte" },
  { what: "a file of exactly five pieces", lengthBytes: 5 * PIECE_BYTES, path: "/five-pieces" },
  {
    what: "a small file of unknown length",
    lengthBytes: 1000,
    path: "/small-chunked",
    faults: { isChunked: true, hasNoRanges: true },
  },
  {
    what: "a large file of unknown length",
    lengthBytes: 5_000_000,
    path: "/large-chunked",
    faults: { isChunked: true, hasNoRanges: true },
  },
  {
    what: "an empty file of unknown length",
    lengthBytes: 0,
    path: "/empty-chunked",
    faults: { isChunked: true, hasNoRanges: true },
  },
  {
    what: "a file whose name has spaces, quotes and other letters",
    lengthBytes: 700_000,
    path: "/a%20%22file%22%20of%20Jos%C3%A9's%20%E6%96%87%E4%BB%B6?x=%27",
    target: `a "file" of José's 文件`,
  },
  {
    what: "a file of an origin without Range",
    lengthBytes: 3_000_000,
    path: "/no-range",
    faults: { hasNoRanges: true },
  },
  {
    what: "a file whose origin breaks off twice",
    lengthBytes: 3_000_000,
    path: "/cut",
    faults: { cutAtByte: 1_000_000, cutCount: 2 },
  },
  {
    what: "a file whose origin is slow to begin",
    lengthBytes: 600_000,
    path: "/slow",
    faults: { firstByteDelayMs: 1500 },
  },
];

describe("dfget brings", () => {
  const resources = new AsyncDisposableStack();
  let origin: FaultyOrigin;
  let other: FaultyOrigin;
  let fleet: Fleet;

  beforeAll(async () => {
    origin = resources.use(await FaultyOrigin.start());
    other = resources.use(await FaultyOrigin.start());
    fleet = await startFleet({
      nodeProgram: "dfget",
      nodeCount: 2,
      allowOrigins: [origin.authority, other.authority],
    });
    resources.use(fleet);
  });

  afterAll(() => resources.disposeAsync());

  /** Downloads with the real command on one node and returns the file's bytes. */
  const download = async (nodeIndex: number, url: string, name: string): Promise<Buffer> => {
    onTestFailed(() => console.error(fleet.lastWords()));
    const node = fleet.node(nodeIndex);
    const target = `${node.homeDirectory}/${name}`;
    const result = await runProgramToEnd("dfget", {
      args: [url, "-o", target, "--socket", node.socketPath, "--quiet"],
    });
    expect(result.stderr).toBe("");
    expect(result.code).toBe(0);
    expect(await readdir(node.homeDirectory)).toContain(name);
    return await readFile(target);
  };

  it.for(FILES)("$what", async ({ lengthBytes, path, faults, target }) => {
    const content = seededBytes(path, lengthBytes);
    const etag = `"${bytesDigest(content)}"`;
    const url = origin.serve(path, { content, etag, ...(faults ? { faults } : {}) });
    const name = target ?? path.slice(1);
    expect(bytesDigest(await download(0, url, name))).toBe(bytesDigest(content));
    expect(bytesDigest(await download(1, url, name))).toBe(bytesDigest(content));
  });

  it("a file from where a redirect leads, to another origin", async () => {
    const content = seededBytes("redirected", 900_000);
    const redirectTo = other.serve("/real", { content });
    const url = origin.serve("/moved", { content: Buffer.alloc(0), faults: { redirectTo } });
    expect(bytesDigest(await download(0, url, "moved"))).toBe(bytesDigest(content));
  });

  it("a file for the second time without asking the origin for its content", async () => {
    const content = seededBytes("twice", 2_000_000);
    const url = origin.serve("/twice", { content, etag: `"twice"` });
    await download(0, url, "twice");
    await download(1, url, "twice");
    const sent = origin.gets("/twice").reduce((sum, each) => sum + each.bytesSent, 0);
    expect(sent).toBe(content.length);
  });

  it("the new content of a file that changed at the origin", async () => {
    const [before, after] = [seededBytes("before", 1_000_000), seededBytes("after", 1_000_000)];
    origin.serve("/changing", { content: before, etag: `"before"` });
    expect(bytesDigest(await download(0, `${origin.url}/changing`, "old"))).toBe(
      bytesDigest(before),
    );
    origin.serve("/changing", { content: after, etag: `"after"` });
    expect(bytesDigest(await download(0, `${origin.url}/changing`, "new"))).toBe(
      bytesDigest(after),
    );
  });
});
