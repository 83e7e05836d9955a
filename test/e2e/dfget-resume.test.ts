import { readFile, readdir, stat } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from "vitest";
import { EXIT } from "../../platform/user-error.ts";
import { DaemonClient } from "../../dfget/cli/daemon-client.ts";
import type { ChildProcess } from "../harness/child-process.ts";
import { beginProgram, runProgramToEnd, startProgram } from "../harness/darter-programs.ts";
import { FaultyOrigin } from "../harness/faulty-origin.ts";
import { freePort } from "../harness/free-port.ts";
import { seededRandom } from "../simulation/seeded-random.ts";
import { seededBytes } from "../harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";
import { until } from "../harness/until.ts";

const CONTENT = seededBytes("resume", 24 * 1024 ** 2);
const OTHER = seededBytes("resume, another version", CONTENT.length);
const RATE = 1024 ** 2;
const PIECE_BYTES = 256 * 1024;
/** What may be on its way between the origin and the store when something is killed. */
const PIECES_IN_FLIGHT = 2;
const SEED = Number(process.env["DARTER_RESUME_SEED"] ?? 5);
const INTERRUPTIONS = ["SIGINT", "SIGKILL", "daemon", "supernode", "origin"] as const;
const { signal } = new AbortController();

describe("a download that is interrupted again and again", () => {
  const resources = new AsyncDisposableStack();
  let origin: FaultyOrigin;
  let home: TemporaryDirectory;
  let supernode: Supernode;

  beforeAll(async () => {
    origin = resources.use(await FaultyOrigin.start());
    home = resources.use(await TemporaryDirectory.create("resume"));
    supernode = resources.use(await Supernode.start(home.join("supernode")));
  });

  afterAll(() => resources.disposeAsync());

  const socketPath = (): string => home.join("s");
  const flags = (): string[] => [
    "--socket",
    socketPath(),
    "--data-dir",
    home.join("data"),
    "--supernode",
    supernode.url,
    "--allow-origin",
    "127.0.0.1",
    "--idle-exit",
    "5s",
  ];
  const env = { DFGET_DAEMON_LISTEN: "127.0.0.1:0" };
  const begin = async (url: string, ...more: string[]): Promise<ChildProcess> =>
    await beginProgram("dfget", { args: [url, "--json", ...more, ...flags()], env });

  it(
    "ends with the right file, and no verified piece was fetched twice",
    { timeout: 170_000 },
    async () => {
      // The origin gives so much that there is something to be interrupted, and waits.
      let allowedBytes = 0;
      const kinds = INTERRUPTIONS.flatMap((kind) => [kind, kind, kind, kind]);
      const faults = { holdAtByte: () => allowedBytes };
      const url = origin.serve("/big.bin", { content: CONTENT, etag: '"1"', faults });
      const target = home.join("big.bin");
      let download = await begin(url, "-o", target);
      onTestFailed(() => console.error(download.lastWords(), supernode.lastWords()));
      let heldBytes = 0;
      let heldAtBegin = 0;
      const random = seededRandom(SEED);
      console.info(`seed ${SEED}`);
      for (let count = 0; count < 20; count++) {
        const nextBytes = heldBytes + Math.ceil(3 * random()) * PIECE_BYTES;
        allowedBytes = nextBytes + Math.floor(random() * PIECE_BYTES);
        heldBytes = await untilHeld(download, Math.min(nextBytes, CONTENT.length - 2 ** 20));
        // Each kind comes four times, in an order that is drawn.
        const kind = kinds.splice(Math.floor(random() * kinds.length), 1)[0]!;
        if (kind === "origin") origin.cutAll();
        else if (kind === "supernode") await supernode.killAndStart();
        else if (kind === "daemon") await killDaemon();
        else {
          process.kill(download.pid, kind);
          const exit = await download.exited;
          if (kind === "SIGINT") {
            expect(exit.code).toBe(EXIT.interrupted);
            expect(download.stderr.text).toMatch(/interrupted; what has arrived is kept/);
          }
          download = await begin(url, "-o", target);
          heldAtBegin = heldBytes;
        }
      }
      // Node and supernode have found each other again before all of the rest may come at once: both read it until then.
      allowedBytes = heldBytes + 3 * PIECE_BYTES;
      await untilHeld(download, heldBytes + 2 * PIECE_BYTES);
      allowedBytes = Infinity;
      expect((await download.exited).code).toBe(EXIT.ok);
      expect((await readFile(target)).equals(CONTENT)).toBe(true);
      const names = await readdir(home.path);
      expect(names.filter((name) => name.includes(".part"))).toEqual([]);
      // Each interruption costs at most what was on its way; a piece that was in a store was never asked for again.
      const sent = origin.gets("/big.bin").reduce((sum, { bytesSent }) => sum + bytesSent, 0);
      const again = (sent - CONTENT.length) / PIECE_BYTES;
      console.info(`${again.toFixed(1)} pieces came again after 20 interruptions`);
      expect(again).toBeLessThan(20 * PIECES_IN_FLIGHT);
      expect(finishedEvent(download).receivedBytes).toBeLessThanOrEqual(
        CONTENT.length - heldAtBegin + 2 * PIECES_IN_FLIGHT * PIECE_BYTES,
      );
    },
  );

  it("is begun anew, and says so, when the file has changed meanwhile", async () => {
    const faults = { rateBytesPerSecond: RATE };
    const url = origin.serve("/changing", { content: CONTENT, etag: '"1"', faults });
    const target = home.join("changing");
    const first = await begin(url, "-o", target);
    await untilHeld(first, 2 ** 20);
    process.kill(first.pid, "SIGINT");
    expect((await first.exited).code).toBe(EXIT.interrupted);
    origin.serve("/changing", { content: OTHER, etag: '"2"' });
    const second = await begin(url, "-o", target);
    expect((await second.exited).code).toBe(EXIT.ok);
    expect(second.stdout.text).toContain("has changed at the origin since an earlier run");
    expect((await readFile(target)).equals(OTHER)).toBe(true);
  });

  it("is begun anew, and says so, when the file changes while it is read", async () => {
    const faults = { rateBytesPerSecond: RATE };
    const url = origin.serve("/turning", { content: CONTENT, etag: '"1"', faults });
    const target = home.join("turning");
    const download = await begin(url, "-o", target);
    onTestFailed(() => console.error(download.lastWords(), supernode.lastWords()));
    await untilHeld(download, 2 ** 20);
    origin.serve("/turning", { content: OTHER, etag: '"2"' });
    origin.cutAll();
    expect((await download.exited).code).toBe(EXIT.ok);
    expect(download.stdout.text).toContain("the file changed at the origin");
    expect((await readFile(target)).equals(OTHER)).toBe(true);
  });

  it("goes on with --direct too, from what lies beside the target, of the same version only", async () => {
    let allowedBytes = 16 * 1024 ** 2;
    const faults = { holdAtByte: () => allowedBytes };
    const url = origin.serve("/direct", { content: CONTENT, etag: '"1"', faults });
    const target = home.join("direct");
    for (const kill of ["SIGINT", "SIGKILL"] as const) {
      const download = await begin(url, "--direct", "-o", target);
      await untilBeside(download, 12 * 1024 ** 2);
      process.kill(download.pid, kill);
      await download.exited;
    }
    allowedBytes = Infinity;
    const sentBefore = origin.gets("/direct").length;
    const last = await runProgramToEnd("dfget", {
      args: [url, "--direct", "-o", target, ...flags()],
    });
    expect(last.code).toBe(EXIT.ok);
    expect((await readFile(target)).equals(CONTENT)).toBe(true);
    const [request] = origin.gets("/direct").slice(sentBefore);
    expect(Number(/^bytes=(\d+)-/.exec(String(request?.headers["range"]))?.[1])).toBeGreaterThan(
      12 * 1024 ** 2 - 1,
    );
    allowedBytes = 16 * 1024 ** 2;
    const again = await begin(url, "--direct", "-o", target, "--overwrite");
    await untilBeside(again, 10 * 1024 ** 2);
    process.kill(again.pid, "SIGKILL");
    await again.exited;
    origin.serve("/direct", { content: OTHER, etag: '"2"' });
    const changed = await begin(url, "--direct", "-o", target);
    expect((await changed.exited).code).toBe(EXIT.ok);
    expect(changed.stdout.text).toContain("the file changed at the origin");
    expect((await readFile(target)).equals(OTHER)).toBe(true);
    expect((await readdir(home.path)).filter((name) => name.startsWith(".direct"))).toEqual([]);
  });

  /** Waits until so much of the file lies beside its target. */
  async function untilBeside(download: ChildProcess, bytes: number): Promise<void> {
    const what = `${bytes} bytes beside the target`;
    await until(
      async () => {
        const name = (await readdir(home.path)).find((each) => /^\.direct\..*\.dfget$/.test(each));
        return name !== undefined && (await stat(home.join(name))).size >= bytes;
      },
      { what: `${what}\n${download.lastWords()}`, timeoutMs: 60_000 },
    );
  }

  async function killDaemon(): Promise<void> {
    const { pid } = await new DaemonClient(socketPath()).status(signal);
    process.kill(pid, "SIGKILL");
  }
});

/** Waits until a download has told that its node holds so many bytes, and returns how many it holds. */
async function untilHeld(download: ChildProcess, bytes: number): Promise<number> {
  return await until(
    () => {
      const held = eventsOf(download).map(({ heldBytes, event }) =>
        event === "finished" ? CONTENT.length : (heldBytes ?? 0),
      );
      const most = Math.max(0, ...held);
      return most >= bytes ? most : undefined;
    },
    { what: `${bytes} bytes to be held\n${download.lastWords()}`, timeoutMs: 60_000 },
  );
}

interface SeenEvent {
  readonly event: string;
  readonly heldBytes?: number;
  readonly receivedBytes?: {
    readonly seed: number;
    readonly peers: number;
    readonly origin: number;
  };
}

function eventsOf(download: ChildProcess): SeenEvent[] {
  const lines = download.stdout.lines.filter((line) => line.startsWith("{") && line.endsWith("}"));
  return lines.map((line) => JSON.parse(line) as SeenEvent);
}

function finishedEvent(download: ChildProcess): { receivedBytes: number } {
  const { receivedBytes } = eventsOf(download).find(({ event }) => event === "finished")!;
  const { seed, peers, origin } = receivedBytes!;
  return { receivedBytes: seed + peers + origin };
}

/** A supernode that can be killed and started again in its place. */
class Supernode implements AsyncDisposable {
  readonly url: string;
  readonly #args: readonly string[];
  #process: ChildProcess;

  private constructor(url: string, args: readonly string[], process: ChildProcess) {
    this.url = url;
    this.#args = args;
    this.#process = process;
  }

  static async start(dataDir: string): Promise<Supernode> {
    const listen = `127.0.0.1:${await freePort()}`;
    const args = ["--listen", listen, "--data-dir", dataDir, "--allow-origin", "127.0.0.1"];
    return new Supernode(`http://${listen}`, args, await startProgram("supernode", { args }));
  }

  async killAndStart(): Promise<void> {
    await this.#process.killHard();
    this.#process = await startProgram("supernode", { args: this.#args });
  }

  lastWords(): string {
    return this.#process.lastWords();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
  }
}
