import { createServer } from "node:http";
import { describe, expect, it } from "vitest";

import { listenOn } from "./http-server.ts";

describe("a server", () => {
  it("says where it listens when it was given no port", async () => {
    await using server = createServer();
    const endpoint = await listenOn(server, { host: "127.0.0.1", port: 0 });
    expect(endpoint.host).toBe("127.0.0.1");
    expect(endpoint.port).toBeGreaterThan(0);
  });

  it("says that the address is taken, with the exit code for it", async () => {
    await using first = createServer();
    const { host, port } = await listenOn(first, { host: "127.0.0.1", port: 0 });
    const second = createServer();
    await expect(listenOn(second, { host, port })).rejects.toMatchObject({
      exitCode: 10,
      message: `cannot listen on 127.0.0.1:${port}: another process does; stop it or choose another address`,
    });
  });

  it("says that the machine has no such address", async () => {
    await expect(listenOn(createServer(), { host: "203.0.113.1", port: 0 })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining("no such address") as string,
    });
  });
});
