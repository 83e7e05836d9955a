import { once } from "node:events";
import type { Server } from "node:http";
import { createServer } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { askSocket } from "./daemon-connection.ts";
import { IdleLines } from "./idle-lines.ts";

const { signal } = new AbortController();

describe("connections to a daemon", () => {
  let home: TemporaryDirectory;
  let server: Server;
  let connections: number;
  const idle = (): IdleLines => new IdleLines();

  beforeEach(async () => {
    home = await TemporaryDirectory.create("lines");
    connections = 0;
    server = createServer((request, response) => {
      response.statusCode = request.url === "/refused" ? 404 : 200;
      // Without a length known before, it comes in chunks.
      if (request.url === "/refused") response.end("no");
      else response.write("con", () => response.end("tent"));
    }).listen(home.join("s"));
    server.on("connection", () => (connections += 1));
    await once(server, "listening");
  });

  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await home[Symbol.asyncDispose]();
  });

  const get = async (lines: IdleLines, path = "/"): Promise<string> => {
    const answer = await askSocket(
      home.join("s"),
      { method: "GET", path },
      signal,
      undefined,
      lines,
    );
    const parts: Buffer[] = [];
    for await (const part of answer.body) parts.push(Buffer.from(part));
    return Buffer.concat(parts).toString();
  };

  it("are used again for the next request, one for each that runs at the same time", async () => {
    const lines = idle();
    for (let i = 0; i < 5; i++) expect(await get(lines)).toBe("content");
    expect(connections).toBe(1);
    await Promise.all([get(lines), get(lines), get(lines)]);
    await Promise.all([get(lines), get(lines), get(lines)]);
    expect(connections).toBe(3);
  });

  it("are not used again after an answer that was left or was a refusal, whose sentence is read", async () => {
    const lines = idle();
    expect(await get(lines, "/refused")).toBe("no");
    const answer = await askSocket(
      home.join("s"),
      { method: "GET", path: "/" },
      signal,
      undefined,
      lines,
    );
    for await (const _part of answer.body) break;
    expect(await get(lines)).toBe("content");
    expect(connections).toBe(3);
  });

  it("that the daemon has closed meanwhile are replaced by a new one", async () => {
    const lines = idle();
    await get(lines);
    server.closeAllConnections();
    expect(await get(lines)).toBe("content");
    expect(connections).toBe(2);
  });
});
