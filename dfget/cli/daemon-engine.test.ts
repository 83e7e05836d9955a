import { once } from "node:events";
import { createServer } from "node:http";
import { expect, it } from "vitest";

import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { DaemonEngine } from "./daemon-engine.ts";

const { signal } = new AbortController();

it("says once that the daemon runs with other supernodes, of however many files at once", async () => {
  await using home = await TemporaryDirectory.create("engine");
  const socketPath = home.join("s");
  const status = { state: "ready", pid: 1, nodeId: "0", supernodes: [] };
  const server = createServer((_request, response) => void response.end(JSON.stringify(status)));
  server.listen(socketPath);
  await once(server, "listening");
  const settings = {
    mainFile: "",
    dataDir: home.path,
    socketPath,
    supernodeUrls: ["http://a.example:8002"],
    allowOrigins: [],
    idleExitMs: 0,
  };
  const engine = new DaemonEngine(settings);
  const notes: string[] = [];
  const reporter = { note: (text: string) => void notes.push(text) };
  const request = { url: "http://b.example/f" };
  await Promise.all([1, 2, 3].map(async () => await engine.begin(request, reporter, signal)));
  expect(notes).toEqual([expect.stringContaining("runs without any")]);
  server.close();
  server.closeAllConnections();
});
