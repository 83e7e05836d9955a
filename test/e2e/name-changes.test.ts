import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import { ChildProcess } from "../harness/child-process.ts";
import { curl, type CurlAnswer } from "../harness/curl.ts";
import { saysReady } from "../harness/darter-programs.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { FaultyOrigin } from "../harness/faulty-origin.ts";
import { NameServer } from "../harness/name-server.ts";
import { Network, type Host } from "../harness/network.ts";
import { runCommand } from "../harness/run-command.ts";
import { bytesDigest, seededBytes } from "../harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";
import { seededRandom } from "../simulation/seeded-random.ts";

const ROOT = join(import.meta.dirname, "..", "..");
/** The name that an attacker owns, and what he wants to reach by it. */
const NAME = "changing.example.test";
const FORBIDDEN = ["127.0.0.1", "169.254.169.254"];
const TRIES = 30;

/** Listens on the host's own loopback and says so each time that somebody connects. */
const VICTIM = `
const server = require("node:http").createServer((_request, response) => response.end("secret"));
server.on("connection", () => console.log("somebody connected"));
server.listen(Number(process.argv[1]), "127.0.0.1", () => console.log("listening"));
`;

describeWhere(
  ["namespaces", "curl", "ip", "tc", "nsenter", "unshare"],
  "a name whose address changes between check and use",
  () => {
    const resources = new AsyncDisposableStack();
    let network: Network;
    let directory: TemporaryDirectory;
    let origin: FaultyOrigin;
    let names: NameServer;
    let victims: readonly ChildProcess[];
    let node: ChildProcess;
    let place: string;

    /** Runs a program on a host whose only name server is the test's. */
    const start = async (host: Host, program: string, ...args: string[]): Promise<ChildProcess> => {
      const mount = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
      const child = await ChildProcess.start({
        name: program,
        command: "unshare",
        args: [
          "-m",
          "sh",
          "-c",
          mount,
          directory.join("resolv.conf"),
          process.execPath,
          join(ROOT, program, "main.ts"),
          ...args,
        ],
        networkNamespace: host.networkNamespace,
      });
      resources.use(child);
      await child.waitForLine(saysReady, { what: "that it is ready" });
      return child;
    };

    beforeAll(async () => {
      network = resources.use(await Network.create({ hostCount: 2 }));
      directory = resources.use(await TemporaryDirectory.create("names"));
      origin = resources.use(await FaultyOrigin.start({ address: network.ownAddress }));
      const random = seededRandom(1);
      const good = network.ownAddress;
      // Drawn like cards from a pack that holds each answer once, so that none of them stays away for long.
      const pack: string[][] = [];
      names = await NameServer.start(network.ownAddress, (name) => {
        if (name !== NAME) return undefined;
        if (pack.length === 0) {
          pack.push(...FORBIDDEN.flatMap((bad) => [[good], [bad], [bad, good], [good, bad]]));
        }
        return pack.splice(Math.floor(random() * pack.length), 1)[0]!;
      });
      resources.use(names);
      const port = origin.authority.split(":")[1]!;
      place = `${NAME}:${port}`;
      await writeFile(directory.join("resolv.conf"), `nameserver ${network.ownAddress}\n`);
      await writeFile(directory.join("proxy.yaml"), "rules: [{ match: /shared/ }]\n");
      victims = await Promise.all(
        network.hosts.map(async ({ networkNamespace }) => {
          const command = { command: process.execPath, args: ["-e", VICTIM, port] };
          const victim = await ChildProcess.start({ name: "victim", ...command, networkNamespace });
          resources.use(victim);
          const limits = { what: "that it listens", stream: "stdout" } as const;
          await victim.waitForLine((line) => line === "listening", limits);
          return victim;
        }),
      );
      const [first, second] = [network.host(0), network.host(1)];
      const data = (name: string): string[] => ["--data-dir", directory.join(name)];
      await start(first, "supernode", "--listen", `${first.address}:8002`, ...data("supernode"));
      node = await start(
        second,
        "registry-proxy",
        "--listen",
        "127.0.0.1:65001",
        "--peer-listen",
        `${second.address}:65002`,
        "--supernode",
        `http://${first.address}:8002`,
        "--socket",
        directory.join("sock"),
        "--proxy-config",
        directory.join("proxy.yaml"),
        ...data("node"),
      );
    });

    afterAll(() => resources.disposeAsync());

    const get = async (url: string, ...args: string[]): Promise<CurlAnswer> =>
      await curl(url, { args, networkNamespace: network.host(1).networkNamespace });

    const expectNoHit = (): void => {
      for (const { stdout } of victims) expect(stdout.lines).toEqual(["listening"]);
    };

    it("leads the mirror nowhere but to the allowed address", async () => {
      onTestFailed(() => console.error(node.lastWords()));
      const statuses = new Set<number>();
      for (let index = 0; index < TRIES; index++) {
        const path = `/v2/team/app/blobs/${bytesDigest(seededBytes(`name ${index}`, 1000))}`;
        const answer = await get(`http://127.0.0.1:65001${path}?ns=${place}`);
        statuses.add(answer.status);
        // What is at the allowed address speaks no TLS, which it is asked by.
        expect(answer.body.toString()).toMatch(/which is refused|secure|cannot be reached|broke/);
      }
      expect(statuses).toEqual(new Set([403, 502]));
      expectNoHit();
      expect(names.questionCount).toBeGreaterThan(TRIES);
    });

    it.each(["shared", "plain"])("leads the proxy nowhere else either (%s)", async (kind) => {
      const statuses = new Set<number>();
      for (let index = 0; index < TRIES; index++) {
        const path = `/${kind}/${index}`;
        origin.serve(path, { content: Buffer.from(path) });
        const answer = await get(`http://${place}${path}`, "-x", "http://127.0.0.1:65001");
        statuses.add(answer.status);
        expect(answer.body.toString()).not.toContain("secret");
        origin.cutAll();
      }
      // Where the file is shared, three programs may ask one after the other, and the first who may gets it.
      if (kind === "plain") expect(statuses).toEqual(new Set([200, 403]));
      else expect(statuses.has(200)).toBe(true);
      expectNoHit();
    });

    it("leads no tunnel elsewhere", async () => {
      const outcomes = new Set<string>();
      for (let index = 0; index < TRIES; index++) {
        const { stdout, stderr } = await runCommand({
          command: "curl",
          args: ["-sS", "--proxytunnel", "-x", "http://127.0.0.1:65001", `http://${place}/t`],
          networkNamespace: network.host(1).networkNamespace,
        });
        outcomes.add(/403/.exec(stderr)?.[0] ?? stdout.trim());
      }
      expect(outcomes).toEqual(new Set(["403", "there is no such file here"]));
      expectNoHit();
    });
  },
);
