import { mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { expect, it, onTestFailed } from "vitest";
import { describeWhere } from "../harness/describe-where.ts";
import { runProgramToEnd } from "../harness/darter-programs.ts";
import { startFleet } from "../harness/fleet.ts";
import { Network } from "../harness/network.ts";
import { Nginx } from "../harness/nginx.ts";
import { seededBytes } from "../harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";

const NODE_COUNT = 4;
const FILE_COUNT = 250;
/** Names that a shell, a URL or a page would rather not have. Those that begin with a dot nginx does not list. */
const ODD_NAMES = [
  "a b",
  "100%",
  "what?",
  "no#1",
  "x&y=z",
  "it's",
  '"q"',
  "<tag>",
  "ö",
  "日本",
  "-o",
  "semi;colon",
  "plus+",
  "%41",
  "trailing.",
  "~t",
];

describeWhere(
  ["namespaces", "nginx", "ip", "tc", "nsenter"],
  "a tree of files that nginx lists, fetched with -r on four hosts at once",
  () => {
    it(
      "is the same on all, and each file is asked for once at the origin",
      { timeout: 170_000 },
      async () => {
        await using files = await TemporaryDirectory.create("tree");
        const wanted = await makeTree(files.join("tree"));
        await using network = await Network.create({
          hostCount: 2 + NODE_COUNT,
          rateMbitPerSecond: () => 1000,
        });
        await using nginx = await Nginx.start({
          directory: files.path,
          host: network.host(0),
          hasListings: true,
        });
        await using fleet = await startFleet({
          nodeProgram: "dfget",
          nodeCount: NODE_COUNT,
          placement: { supernode: network.host(1), nodes: network.hosts.slice(2) },
          allowOrigins: [nginx.authority],
        });
        onTestFailed(() => console.error(fleet.lastWords()));
        const runs = await Promise.all(
          fleet.nodes.map(
            async (node) =>
              await runProgramToEnd("dfget", {
                args: [
                  "-r",
                  `${nginx.url}/tree/`,
                  "-o",
                  `${node.homeDirectory}/tree`,
                  "-j",
                  "16",
                  "--socket",
                  node.socketPath,
                  "-q",
                ],
                networkNamespace: node.networkNamespace,
                timeoutMs: 150_000,
              }),
          ),
        );
        expect(runs.map(({ code, stderr }) => [code, stderr])).toEqual(runs.map(() => [0, ""]));
        for (const node of fleet.nodes) {
          expect(await digestsBelow(`${node.homeDirectory}/tree`)).toEqual(wanted);
        }
        const asked = (await nginx.log.records()).filter(({ path }) => !path.endsWith("/"));
        const counts = new Map<string, number>();
        for (const { path } of asked) counts.set(path, (counts.get(path) ?? 0) + 1);
        expect([...counts].filter(([, count]) => count > 1)).toEqual([]);
        expect(counts.size).toBe(FILE_COUNT);
        const [node] = fleet.nodes;
        const some = await runProgramToEnd("dfget", {
          args: [
            "-r",
            `${nginx.url}/tree/`,
            "-o",
            `${node!.homeDirectory}/some`,
            "--include",
            "*2*",
            "--exclude",
            "d2/**",
            "--max-depth",
            "2",
            "--socket",
            node!.socketPath,
            "-q",
          ],
          networkNamespace: node!.networkNamespace,
        });
        expect(some.code).toBe(0);
        const names = [...(await digestsBelow(`${node!.homeDirectory}/some`)).keys()];
        expect(names.length).toBeGreaterThan(3);
        const isMeant = (name: string): boolean =>
          name.split("/").at(-1)!.includes("2") && !name.startsWith("d2/");
        expect(names.filter((name) => !isMeant(name))).toEqual([]);
        const many = await runProgramToEnd("dfget", {
          args: [
            "-r",
            `${nginx.url}/tree/`,
            "-o",
            `${node!.homeDirectory}/many`,
            "--max-files",
            "10",
            "--socket",
            node!.socketPath,
          ],
          networkNamespace: node!.networkNamespace,
        });
        expect(many.code).toBe(2);
        expect(many.stderr).toMatch(/more than 10 files/);
      },
    );
  },
);

/** Makes files of 0 bytes to 20 MB, most of them small, with odd names, four directories deep. */
async function makeTree(root: string): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  await mkdir(root, { recursive: true });
  for (let i = 0; i < FILE_COUNT; i++) {
    const odd = ODD_NAMES[i % ODD_NAMES.length]!;
    const folder = join(
      `d${i % 5}`,
      ...(i % 3 === 0 ? [odd] : []),
      ...(i % 7 === 0 ? ["deep", "er"] : []),
    );
    const path = join(folder, `${odd}.${i}`);
    const lengthBytes =
      i === 17 ? 20_000_000 : i % 50 === 0 ? 0 : i % 20 === 3 ? 400_000 : (i * 7919) % 9000;
    const content = seededBytes(`tree ${i}`, lengthBytes);
    await mkdir(join(root, folder), { recursive: true });
    await writeFile(join(root, path), content);
    digests.set(path, createHash("sha256").update(content).digest("hex"));
  }
  return new Map([...digests].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function digestsBelow(root: string): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  for (const path of (await readdir(root, { recursive: true })).sort()) {
    if (!(await stat(join(root, path))).isFile()) continue;
    digests.set(
      path,
      createHash("sha256")
        .update(await readFile(join(root, path)))
        .digest("hex"),
    );
  }
  return new Map([...digests].sort(([a], [b]) => (a < b ? -1 : 1)));
}
