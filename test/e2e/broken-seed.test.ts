import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { Peer } from "../../dfget/peer/peer.ts";
import { silentLog } from "../../platform/log.ts";
import { parseTaskId } from "../../protocol/task-id.ts";
import { ScriptedSupernode } from "../../supernode/scripted-supernode.ts";
import { FaultyOrigin } from "../harness/faulty-origin.ts";
import { freePort } from "../harness/free-port.ts";
import { PieceFaultProxy } from "../harness/piece-fault-proxy.ts";
import { bytesDigest, seededBytes } from "../harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";

const MIB = 1024 * 1024;
const never = new AbortController().signal;

it.each([
  ["refuses connections", "connections refused", false],
  ["sends wrong bytes", "wrong byte", false],
  ["breaks off, to who reads parts", "cut in the middle", true],
] as const)(
  "a node whose seed %s reads the content from its origin",
  async (_what, fault, isPart) => {
    await using stack = new AsyncDisposableStack();
    const origin = stack.use(await FaultyOrigin.start());
    const port = await freePort();
    const proxy = stack.use(await PieceFaultProxy.start("127.0.0.1", `127.0.0.1:${port}`));
    proxy.spoil(fault);
    stack.use(
      await ScriptedSupernode.start({ listen: `127.0.0.1:${port}`, advertise: proxy.authority }),
    );
    const directory = stack.use(await TemporaryDirectory.create("broken-seed"));
    const options = {
      listen: { host: "127.0.0.1", port: 0 },
      advertise: undefined,
      supernodeUrls: [`http://127.0.0.1:${port}`],
      dataDir: directory.path,
      zone: "",
      diskQuotaBytes: 0,
      allowOrigins: ["127.0.0.1"],
    };
    const peer = stack.use(await Peer.start(options, { log: silentLog, metrics: new Registry() }));
    const content = seededBytes("broken", 2 * MIB);
    const url = origin.serve("/blob", { content });
    const taskId = parseTaskId(bytesDigest(content))!;
    const request = { taskId, origin: { url, headers: new Map() }, isPart };
    await using task = await peer.open(request, never);
    const got: Buffer[] = [];
    const range = isPart ? { firstByte: MIB, lastByte: MIB + 999 } : { firstByte: 0 };
    for await (const bytes of task.read(range, never)) got.push(Buffer.from(bytes));
    const wanted = isPart ? content.subarray(MIB, MIB + 1000) : content;
    expect(Buffer.concat(got).equals(wanted)).toBe(true);
    expect(task.progress().receivedBytes).toEqual({
      seed: 0,
      peers: 0,
      origin: isPart ? MIB / 4 : content.length,
    });
  },
);
