import { mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import { EXIT } from "../../platform/user-error.ts";
import { runProgramToEnd } from "../harness/darter-programs.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { FaultyOrigin } from "../harness/faulty-origin.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { metricOf } from "../harness/fleet-metrics.ts";
import { startLoneNode, type LoneNode } from "../harness/lone-node.ts";
import { mustRun } from "../harness/run-command.ts";
import { bytesDigest, fileDigest, seededBytes } from "../harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";
import { until } from "../harness/until.ts";

const MIB = 1024 * 1024;
const LENGTH_BYTES = 40 * MIB + 11;
/** What the origin gives before the disk is full: more than is waited for. */
const HELD_AT_BYTE = 16 * MIB;

describeWhere(["linux", "namespaces"], "a node whose disk, a small tmpfs, becomes full", () => {
  const resources = new AsyncDisposableStack();
  let origin: FaultyOrigin;
  let fleet: Fleet;
  let node: LoneNode;
  let directory: TemporaryDirectory;
  let disk: string;

  beforeAll(async () => {
    origin = resources.use(await FaultyOrigin.start());
    directory = resources.use(await TemporaryDirectory.create("full"));
    disk = directory.join("disk");
    await mkdir(disk);
    await mustRun({ command: "mount", args: ["-t", "tmpfs", "-o", "size=256m", "tmpfs", disk] });
    resources.defer(async () => void (await mustRun({ command: "umount", args: ["-l", disk] })));
    fleet = resources.use(
      await startFleet({
        nodeProgram: "registry-proxy",
        nodeCount: 0,
        allowOrigins: [origin.authority],
      }),
    );
    node = resources.use(
      await startLoneNode({
        supernodeUrl: fleet.supernodeUrl,
        upstreamUrl: origin.url,
        dataDirectory: `${disk}/data`,
        socketPath: directory.join("node.sock"),
      }),
    );
  });

  afterAll(() => resources.disposeAsync());

  let isHeld = false;

  const serve = (word: string, path = `/v2/team/app/blobs/`): { url: string; digest: string } => {
    const content = seededBytes(word, LENGTH_BYTES);
    const digest = bytesDigest(content);
    const faults = { holdAtByte: () => (isHeld ? HELD_AT_BYTE : Infinity) };
    return { url: origin.serve(path + digest, { content, faults }), digest };
  };

  /** Begins a pull, and takes what is left of the disk when something of it is stored, and not yet all. */
  const fillInTheMiddle = async <T>(begin: () => Promise<T>): Promise<T> => {
    const heldBefore = await storedBytes(node);
    isHeld = true;
    const pulling = begin();
    try {
      await until(async () => (await storedBytes(node)) > heldBefore + 4 * MIB, {
        what: "the pull to begin",
      });
      await fill(disk);
    } finally {
      isHeld = false;
    }
    return await pulling;
  };

  it("finishes a pull by streaming it through, and stores again when there is room", async () => {
    onTestFailed(() => console.error(node.process.lastWords()));
    const { digest } = serve("full while pulling");
    expect(await fillInTheMiddle(() => pullDigest(node, digest))).toBe(digest);
    // Also one that begins when there is no room at all, not even for records.
    const second = serve("full before pulling");
    expect(await pullDigest(node, second.digest)).toBe(second.digest);
    await rm(`${disk}/filler`);
    await untilStored(node, async () => {
      const { digest } = serve(`with room ${performance.now()}`);
      expect(await pullDigest(node, digest)).toBe(digest);
    });
  });

  it("ends a dfget with a clear sentence and no part of the file, and serves it when there is room", async () => {
    onTestFailed(() => console.error(node.process.lastWords()));
    const { url, digest } = serve("full while downloading", "/files/");
    const target = directory.join("target");
    await mkdir(target);
    const dfget = (): ReturnType<typeof runProgramToEnd> =>
      runProgramToEnd("dfget", {
        args: [url, "-o", `${target}/file`, "--socket", directory.join("node.sock"), "--quiet"],
        timeoutMs: 60_000,
      });
    const { code, stderr } = await fillInTheMiddle(dfget);
    expect(stderr).toMatch(/cannot be stored|disk is full|no space|no room/);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(code).not.toBe(EXIT.internal);
    expect(code).not.toBe(0);
    expect(await readdir(target)).toEqual([]);
    await rm(`${disk}/filler`);
    await until(async () => (await dfget()).code === 0, {
      what: "dfget to succeed when there is room",
      timeoutMs: 60_000,
    });
    expect(await fileDigest(`${target}/file`)).toBe(digest);
    expect((await stat(`${target}/file`)).size).toBe(LENGTH_BYTES);
  });
});

async function storedBytes(node: LoneNode): Promise<number> {
  return await metricOf(node.peerUrl, "darter_stored_bytes");
}

/** Pulls until what is pulled is stored again. */
async function untilStored(node: LoneNode, pull: () => Promise<void>): Promise<void> {
  await until(
    async () => {
      const before = await storedBytes(node);
      await pull();
      return (await storedBytes(node)) >= before + LENGTH_BYTES;
    },
    { what: "the node to store again", timeoutMs: 60_000 },
  );
}

async function pullDigest(node: LoneNode, digest: string): Promise<string> {
  const url = `${node.mirrorUrl}/v2/team/app/blobs/${digest}`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(60_000) });
  return bytesDigest(Buffer.from(await answer.arrayBuffer()));
}

/** Writes to a file until the disk takes no more. */
async function fill(disk: string): Promise<void> {
  await using file = await open(`${disk}/filler`, "w");
  const zeros = Buffer.alloc(MIB);
  for (let length = zeros.length; length > 0;) {
    try {
      const { bytesWritten } = await file.write(zeros, 0, length);
      if (bytesWritten < length) length = Math.floor(length / 2);
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe("ENOSPC");
      length = Math.floor(length / 2);
    }
  }
}
