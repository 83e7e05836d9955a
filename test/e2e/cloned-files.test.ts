import { createHash } from "node:crypto";
import { open, readdir, readFile, stat } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from "vitest";
import { EXIT } from "../../platform/user-error.ts";
import { runProgramToEnd } from "../harness/darter-programs.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { FaultyOrigin } from "../harness/faulty-origin.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { metricOf } from "../harness/fleet-metrics.ts";
import { startLoneNode, type LoneNode } from "../harness/lone-node.ts";
import { LoopDisk, SHARING_FILE_SYSTEMS } from "../harness/loop-disk.ts";
import { seededBytes } from "../harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";

const CONTENT = seededBytes("cloned", 24 * 1024 * 1024 + 77);
const MD5 = `md5:${createHash("md5").update(CONTENT).digest("hex")}`;
/** More, such as "btrfs xfs", when somebody wants to be surer; mkfs.xfs is in xfsprogs. */
const TRIED = SHARING_FILE_SYSTEMS.filter((name) =>
  (process.env["DARTER_FILE_SYSTEMS"] ?? "btrfs").split(" ").includes(name),
);
const LAST_MODIFIED = "Wed, 21 Oct 2015 07:28:00 GMT";

describeWhere(["linux", "loop disks"], "a file system on which files can share their room:", () => {
  describe.each(TRIED)("%s", (fileSystem) => {
    const resources = new AsyncDisposableStack();
    let disk: LoopDisk;
    let elsewhere: TemporaryDirectory;
    let node: LoneNode;
    let url: string;
    let socketPath: string;

    beforeAll(async () => {
      const origin = resources.use(await FaultyOrigin.start());
      url = origin.serve("/f", { content: CONTENT, etag: '"1"', lastModified: LAST_MODIFIED });
      disk = resources.use(await LoopDisk.create(fileSystem));
      elsewhere = resources.use(await TemporaryDirectory.create("elsewhere"));
      socketPath = elsewhere.join("s");
      const allowOrigins = [origin.authority];
      const fleet: Fleet = resources.use(
        await startFleet({ nodeProgram: "dfget", nodeCount: 0, allowOrigins }),
      );
      node = resources.use(
        await startLoneNode({
          supernodeUrl: fleet.supernodeUrl,
          upstreamUrl: origin.url,
          dataDirectory: `${disk.path}/data`,
          socketPath,
        }),
      );
    });

    afterAll(() => resources.disposeAsync());

    const dfget = async (...args: readonly string[]): Promise<void> => {
      onTestFailed(() => console.error(node.process.lastWords()));
      const place = ["--socket", socketPath];
      const { code, stderr } = await runProgramToEnd("dfget", { args: [...args, ...place] });
      expect(code, stderr).toBe(EXIT.ok);
    };

    const expectContent = async (path: string): Promise<void> =>
      expect((await readFile(path)).equals(CONTENT)).toBe(true);

    it("dfget makes a file of its own that takes no room, and is written to without harm", async () => {
      await dfget(url, "-o", `${disk.path}/cold`);
      const before = await disk.freeBytes();
      await dfget(url, "-o", `${disk.path}/warm`, "--digest", MD5);
      await dfget("export", url, `${disk.path}/exported`);
      expect(before - (await disk.freeBytes())).toBeLessThan(CONTENT.length / 4);
      for (const name of ["cold", "warm", "exported"]) {
        const path = `${disk.path}/${name}`;
        await expectContent(path);
        const { mode, nlink, mtimeMs } = await stat(path);
        expect([mode & 0o777, nlink]).toEqual([0o666 & ~process.umask(), 1]);
        if (name !== "exported") expect(mtimeMs).toBe(Date.parse(LAST_MODIFIED));
        await using file = await open(path, "r+");
        await file.write("mine", 1000);
      }
      await dfget(url, "-o", `${disk.path}/cold`, "--mode", "0640");
      await expectContent(`${disk.path}/cold`);
      expect((await stat(`${disk.path}/cold`)).mode & 0o777).toBe(0o640);
      expect(await metricOf(node.peerUrl, "darter_damaged_pieces_total")).toBe(0);
    });

    it("dfget makes a copy on another one, and leaves nothing beside it", async () => {
      await dfget(url, "-o", elsewhere.join("f"));
      await expectContent(elsewhere.join("f"));
      const names = [...(await readdir(elsewhere.path)), ...(await readdir(disk.path))];
      expect(names.filter((name) => name.startsWith("."))).toEqual([]);
    });

    it("dfget makes a link there when it is asked for one", async () => {
      await dfget(url, "-o", `${disk.path}/link`, "--hard-link");
      await expectContent(`${disk.path}/link`);
      expect((await stat(`${disk.path}/link`)).nlink).toBe(2);
    });
  });
});
