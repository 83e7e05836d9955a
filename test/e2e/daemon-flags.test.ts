import { createServer } from "node:net";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EXIT } from "../../platform/user-error.ts";
import { startProgram, runProgramToEnd } from "../harness/darter-programs.ts";
import type { ChildProcess } from "../harness/child-process.ts";
import { FaultyOrigin } from "../harness/faulty-origin.ts";
import { freePort } from "../harness/free-port.ts";
import { seededBytes } from "../harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";
import { until } from "../harness/until.ts";

const CONTENT = seededBytes("daemon flags", 600_000);

/** Those flags of `dfget daemon` that other tests of whole programs do not try. */
describe("dfget daemon", () => {
  const resources = new AsyncDisposableStack();
  let home: TemporaryDirectory;
  let supernodeUrl: string;
  let takenPort: number;
  let daemon: ChildProcess;
  let origin: FaultyOrigin;

  beforeAll(async () => {
    home = resources.use(await TemporaryDirectory.create("daemon-flags"));
    origin = resources.use(await FaultyOrigin.start());
    const taken = createServer().listen(0, "127.0.0.1");
    resources.defer(() => void taken.close());
    await once(taken, "listening");
    takenPort = (taken.address() as { port: number }).port;
    const listen = `127.0.0.1:${await freePort()}`;
    supernodeUrl = `http://${listen}`;
    const places = ["--listen", listen, "--data-dir", home.join("supernode")];
    const args = [...places, "--allow-origin", "127.0.0.1"];
    resources.use(await startProgram("supernode", { args }));
    const flags = {
      "--listen": `127.0.0.1:${takenPort}`,
      "--advertise": "192.0.2.7:4444",
      "--supernode": supernodeUrl,
      "--data-dir": home.join("data"),
      "--socket": home.join("s"),
      "--zone": "eu|eu-1|rack7",
      "--upload-limit": "3MiB",
      "--download-limit": "2MiB",
      "--task-download-limit": "600KB",
      "--allow-origin": "127.0.0.1",
      "--log-level": "info",
    };
    const argv = ["daemon", "--any-port", ...Object.entries(flags).flat()];
    daemon = resources.use(await startProgram("dfget", { args: argv }));
  });

  afterAll(() => resources.disposeAsync());

  const dfget = async (...args: string[]) =>
    await runProgramToEnd("dfget", { args: [...args, "--socket", home.join("s")] });

  it("takes another port where --any-port lets it, and tells others --advertise and --zone", async () => {
    expect(daemon.lastWords()).not.toContain(`127.0.0.1:${takenPort}`);
    const seen = async () => {
      const answer = await fetch(`${supernodeUrl}/api/v1/peers`);
      const text = JSON.stringify(await answer.json());
      return text.includes("eu|eu-1|rack7") ? text : undefined;
    };
    const text = await until(seen, { what: "the node to be known", timeoutMs: 20_000 });
    expect(text).toContain("192.0.2.7");
    expect(text).toContain("4444");
  });

  it("begins with the limits of its flags, and keeps to that of a task", async () => {
    const limits = JSON.parse((await dfget("limits", "--json")).stdout) as object;
    expect(limits).toEqual({
      uploadBytesPerSecond: 3 * 1024 ** 2,
      downloadBytesPerSecond: 2 * 1024 ** 2,
      taskDownloadBytesPerSecond: 600_000,
    });
    const url = origin.serve("/f", { content: CONTENT, etag: '"1"' });
    const startedMs = performance.now();
    expect((await dfget(url, "-o", home.join("f"))).code).toBe(EXIT.ok);
    expect(performance.now() - startedMs).toBeGreaterThan(600);
  });

  it("has its limits changed one by one by dfget limits", async () => {
    const changed = await dfget("limits", "--upload", "1MiB", "--task", "0", "--json");
    expect(JSON.parse(changed.stdout)).toMatchObject({
      uploadBytesPerSecond: 1024 ** 2,
      downloadBytesPerSecond: 2 * 1024 ** 2,
      taskDownloadBytesPerSecond: 0,
    });
  });

  it("says nothing at --log-level silent, but why it could not start", async () => {
    const { stderr, code } = await runProgramToEnd("dfget", {
      args: [
        "daemon",
        "--log-level",
        "silent",
        "--data-dir",
        home.join("data"),
        "--socket",
        home.join("t"),
      ],
    });
    expect(stderr).toMatch(/^dfget daemon: the data directory .* is in use by process \d+/);
    expect(stderr).not.toContain("{");
    expect(code).toBe(EXIT.addressInUse);
  });
});
