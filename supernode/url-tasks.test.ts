import { once } from "node:events";
import type { RequestListener } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";

import { seededBytes } from "../test/harness/seeded-bytes.ts";
import { ScriptedSupernode } from "./scripted-supernode.ts";

const CONTENT = seededBytes("url tasks", 700_000);

/** One supernode, two nodes and an origin that keeps the methods and headers it was asked with. */
async function world(listener: RequestListener) {
  const stack = new AsyncDisposableStack();
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    listener(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  });
  const supernode = stack.use(await ScriptedSupernode.start());
  const [first, second] = [await supernode.node(), await supernode.node()];
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`;
  return {
    first,
    second,
    url,
    seen,
    [Symbol.asyncDispose]: async () => await stack.disposeAsync(),
  };
}

/** Serves CONTENT with these headers to GET and HEAD. */
function plain(headers: () => Record<string, string>): RequestListener {
  return (request, response) => {
    response.writeHead(200, { "content-length": CONTENT.length, ...headers() });
    response.end(request.method === "HEAD" ? undefined : CONTENT);
  };
}

describe("a task named by its URL", () => {
  it("is one task for all who ask at the same time, for one GET", async () => {
    await using it = await world(plain(() => ({ etag: '"1"' })));
    const [a, b] = [it.first.joinUrl(it.url), it.second.joinUrl(it.url)];
    const [taskA, taskB] = [await it.first.next("task", a), await it.second.next("task", b)];
    expect(taskA.taskId).toMatch(/^url:[0-9a-f]{64}$/);
    expect(taskB.taskId).toBe(taskA.taskId);
    await it.first.next("proven", a);
    expect(it.seen).toEqual(["GET /file"]);
  });

  it("is fetched whole, and known again without a GET", async () => {
    await using it = await world(plain(() => ({ etag: '"1"' })));
    const fetched = await it.first.fetchAll(it.first.joinUrl(it.url));
    expect(fetched.content.equals(CONTENT)).toBe(true);
    const again = it.second.joinUrl(it.url);
    expect((await it.second.next("task", again)).taskId).toBe(fetched.task.taskId);
    expect(it.seen).toEqual(["GET /file", "HEAD /file"]);
  });

  it("is asked for once, by GET, for nodes that take an answer of some age, and again when that is too old", async () => {
    let etag = '"1"';
    await using it = await world(plain(() => ({ etag })));
    const join = (node: typeof it.first, answerAgeMs: number): number =>
      node.join({ origin: { url: it.url, headers: [] }, answerAgeMs });
    const fetched = await it.first.fetchAll(join(it.first, 60_000));
    expect(fetched.content.equals(CONTENT)).toBe(true);
    const again = await it.second.next("task", join(it.second, 60_000));
    expect(again.taskId).toBe(fetched.task.taskId);
    expect(it.seen).toEqual(["GET /file"]);
    etag = '"2"';
    const changed = join(it.second, 0);
    expect((await it.second.next("task", changed)).taskId).not.toBe(fetched.task.taskId);
    expect(it.seen).toContain("HEAD /file");
  });

  it("that is short is asked for once also when a node may hold some of it and has not said so yet", async () => {
    const content = Buffer.from("short");
    let asked = 0;
    await using it = await world((_request, response) => {
      asked += 1;
      response.writeHead(200, { "content-length": content.length, etag: '"1"' });
      response.end(content);
    });
    const origin = { url: it.url, headers: [] };
    const number = it.first.join({ origin, answerAgeMs: 60_000, mayHold: true });
    const answer = await it.first.next("task", number);
    expect(Buffer.from(answer.content!).equals(content)).toBe(true);
    expect(asked).toBe(1);
  });

  it("is asked about again when it could not be fetched as it was found", async () => {
    let fails = true;
    await using it = await world((_request, response) => {
      response.writeHead(200, { "content-length": CONTENT.length, etag: fails ? '"1"' : '"2"' });
      if (!fails) response.end(CONTENT);
      else response.write(CONTENT.subarray(0, 1000), () => response.destroy());
      fails = false;
    });
    const join = (): number =>
      it.first.join({ origin: { url: it.url, headers: [] }, answerAgeMs: 60_000 });
    const refused = await it.first.next("abort", join());
    expect(refused.code).toBe("ORIGIN_CHANGED");
    expect((await it.first.fetchAll(join())).content.equals(CONTENT)).toBe(true);
  });

  it("is another task when the file changes, when headers, tag or query differ, and not when a filtered parameter does", async () => {
    let etag = '"1"';
    await using it = await world(plain(() => ({ etag })));
    const join = async (url: string, tag = "", headers: Record<string, string> = {}) => {
      const number = it.first.join({
        origin: { url, headers: Object.entries(headers).map(([name, value]) => ({ name, value })) },
        identity: { filteredQueryParameters: ["sig"], tag },
      });
      return (await it.first.next("task", number)).taskId;
    };
    const ids = [
      await join(it.url),
      await join(it.url, "tag"),
      await join(it.url, "", { authorization: "x" }),
      await join(`${it.url}?part=1`),
    ];
    etag = '"2"';
    ids.push(await join(it.url));
    expect(new Set(ids).size).toBe(ids.length);
    etag = '"1"';
    expect(await join(`${it.url}?sig=abc`)).toBe(ids[0]);
  });

  it("is told apart by Last-Modified and length where there is no strong ETag", async () => {
    let modified = "Mon, 02 Nov 2026 10:00:00 GMT";
    await using it = await world(plain(() => ({ "last-modified": modified, etag: 'W/"1"' })));
    const first = await it.first.next("task", it.first.joinUrl(it.url));
    const same = await it.first.next("task", it.first.joinUrl(it.url));
    modified = "Mon, 02 Nov 2026 11:00:00 GMT";
    const changed = await it.first.next("task", it.first.joinUrl(it.url));
    expect(same.taskId).toBe(first.taskId);
    expect(changed.taskId).not.toBe(first.taskId);
  });

  it.each([400, 403, 404, 405, 501])(
    "is found anew by one GET, whose answer is then read, where HEAD is answered by %i",
    async (status) => {
      let etag = '"1"';
      const serve = plain(() => ({ etag }));
      await using it = await world((request, response) =>
        request.method === "HEAD" ? response.writeHead(status).end() : serve(request, response),
      );
      await it.first.next("proven", it.first.joinUrl(it.url));
      etag = '"2"';
      const [a, b] = [it.first.joinUrl(it.url), it.second.joinUrl(it.url)];
      const task = await it.second.next("task", b);
      it.second.send({ kind: "leave", task: b });
      const fetched = await it.first.fetchAll(a);
      expect(fetched.content.equals(CONTENT)).toBe(true);
      expect(task.taskId).toBe(fetched.task.taskId);
      expect(it.seen).toEqual(["GET /file", "HEAD /file", "GET /file"]);
    },
  );

  it("is shared while it is fetched and asked for anew afterwards where the origin names no version", async () => {
    const release = Promise.withResolvers<void>();
    await using it = await world((request, response) => {
      response.writeHead(200, { "content-length": CONTENT.length });
      if (request.method === "HEAD") return response.end();
      response.write(CONTENT.subarray(0, 1000));
      return void release.promise.then(() => response.end(CONTENT.subarray(1000)));
    });
    const a = it.first.joinUrl(it.url);
    const first = await it.first.next("task", a);
    const b = it.second.joinUrl(it.url);
    const second = await it.second.next("task", b);
    expect(second.taskId).toBe(first.taskId);
    release.resolve();
    await it.second.next("proven", b);
    const third = await it.second.next("task", it.second.joinUrl(it.url));
    expect(third.taskId).not.toBe(first.taskId);
    expect(it.seen.filter((line) => line.startsWith("GET"))).toHaveLength(2);
  });

  it("is that of the GET where HEAD speaks of another version", async () => {
    let version = 1;
    await using it = await world((request, response) =>
      plain(() => ({ etag: `"${request.method} ${version}"` }))(request, response),
    );
    await it.first.next("proven", it.first.joinUrl(it.url));
    version = 2;
    const fetched = await it.first.fetchAll(it.first.joinUrl(it.url));
    expect(fetched.content.equals(CONTENT)).toBe(true);
    expect(it.seen).toEqual(["GET /file", "HEAD /file", "GET /file", "GET /file"]);
  });

  it("may change between two joins by its id", async () => {
    let etag = '"1"';
    await using it = await world(plain(() => ({ etag })));
    const a = it.first.joinUrl(it.url);
    const { taskId } = await it.first.next("task", a);
    await it.first.next("proven", a);
    it.first.send({ kind: "leave", task: a });
    const known = await it.second.next("task", it.second.joinUrl(it.url, taskId));
    expect(known.taskId).toBe(taskId);
    etag = '"2"';
    const strange = `url:${"0".repeat(64)}`;
    const abort = await it.second.next("abort", it.second.joinUrl(it.url, strange));
    expect(abort.code).toBe("ORIGIN_CHANGED");
  });

  it("that changes while it is read is aborted, and its pieces are of no use", async () => {
    let gets = 0;
    await using it = await world((request, response) => {
      if (request.method === "GET") gets += 1;
      const etag = gets < 2 ? '"1"' : '"2"';
      response.writeHead(200, { "content-length": CONTENT.length, etag });
      if (request.method === "HEAD") return response.end();
      if (gets > 1) return response.end(CONTENT);
      return response.write(CONTENT.subarray(0, 600_000), () => response.destroy());
    });
    const number = it.first.joinUrl(it.url);
    await it.first.next("task", number);
    const abort = await it.first.next("abort", number);
    expect(abort).toMatchObject({ code: "ORIGIN_CHANGED", discard: true });
  });
});

describe("a join that is no good", () => {
  it.each([
    ["a malformed task id", { taskId: "sha256:xyz" }],
    ["neither task nor origin", {}],
    ["a URL that is none", { origin: { url: "nonsense", headers: [] } }],
    ["a file URL", { origin: { url: "file:///etc/passwd", headers: [] } }],
    ["a strange piece length", { taskId: `sha256:${"0".repeat(64)}`, pieceLengthBytes: 7 }],
    [
      "a header with a line end",
      { origin: { url: "http://127.0.0.1/", headers: [{ name: "a", value: "b\r\nc: d" }] } },
    ],
    [
      "a map that does not fit",
      {
        taskId: `sha256:${"0".repeat(64)}`,
        holding: { pieceLengthBytes: 262_144, lengthBytes: 10, have: Uint8Array.of(255) },
      },
    ],
  ])("because of %s is refused, and the node goes on", async (_name, fields) => {
    await using it = await world(plain(() => ({ etag: '"1"' })));
    const abort = await it.first.next("abort", it.first.join(fields));
    expect(abort.code).toBe("BAD_REQUEST");
    await it.first.next("task", it.first.joinUrl(it.url));
  });
});
