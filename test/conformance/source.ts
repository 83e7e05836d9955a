import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { AddressGate } from "../../platform/origin/address-gate.ts";
import { OriginClient } from "../../platform/origin/origin-client.ts";
import { ChecksumCheck } from "../../dfget/cli/checksum.ts";
import { safePath } from "../../dfget/source/safe-path.ts";
import type { FoundEntry, Source, SourceDeps } from "../../dfget/source/source.ts";
import type { SourceOptions } from "../../dfget/source/source-options.ts";

/** A place of the kind that a source knows, as a test makes it. */
export interface SourceWorld {
  /** Answers as such a place does. */
  readonly serve: (request: IncomingMessage, response: ServerResponse) => void;
  /** The URL of everything there, and of what is not there, at the server with this URL. */
  readonly urlOf: (serverUrl: string) => string;
  readonly absentUrlOf: (serverUrl: string) => string;
  readonly options: (serverUrl: string) => Partial<SourceOptions>;
  readonly env?: Readonly<Record<string, string>>;
  /** Credentials that the place refuses. */
  readonly wrongEnv?: Readonly<Record<string, string>>;
  /** The paths below the place and their content. */
  readonly files: ReadonlyMap<string, string>;
  /** Of so many files one is fetched; of others only that they are found counts. All are when absent. */
  readonly fetchOneOf?: number;
}

const OPTIONS: SourceOptions = {
  isRecursive: true,
  maxDepth: 32,
  s3Endpoint: undefined,
  s3Region: "",
  hfEndpoint: "",
  platform: "linux/amd64",
};

/** What every source must do. */
export function sourceConformance(name: string, source: Source, world: SourceWorld): void {
  describe(`${name}, as a source`, () => {
    const resources = new AsyncDisposableStack();
    const { signal } = new AbortController();
    let serverUrl: string;
    let client: OriginClient;

    beforeAll(async () => {
      const server = createServer(world.serve).listen(0, "127.0.0.1");
      await once(server, "listening");
      resources.defer(() => {
        server.closeAllConnections();
        server.close();
      });
      serverUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const deps = { gate: new AddressGate(["*"]), clock: systemClock, random: () => 0 };
      client = resources.use(new OriginClient(deps, { answerAttempts: 1, environment: {} }));
    });

    afterAll(() => resources.disposeAsync());

    const depsOf = (env: Readonly<Record<string, string>> = world.env ?? {}): SourceDeps => ({
      fetch: client.fetch,
      env: { HOME: "/nonexistent", ...env },
      options: { ...OPTIONS, ...world.options(serverUrl) },
      headers: {},
    });

    const all = async (url: string, deps = depsOf()): Promise<FoundEntry[]> => {
      const entries: FoundEntry[] = [];
      for await (const entry of source.find(url, deps, signal)) entries.push(entry);
      return entries;
    };

    it("finds every file, with a path that stays below, and says how to get it", async () => {
      const found = new Map<string, string>();
      for (const entry of await all(world.urlOf(serverUrl))) {
        if (entry.kind === "left-out") continue;
        expect(safePath(entry.path!.split("/"))).toBe(entry.path);
        if (entry.kind === "content") found.set(entry.path, Buffer.from(entry.content).toString());
        if (entry.kind !== "file") continue;
        const { url, headers = {}, checksum } = entry;
        if (found.size % (world.fetchOneOf ?? 1) !== 0) {
          found.set(entry.path!, world.files.get(entry.path!) ?? "unknown");
          continue;
        }
        const answer = await fetch(url, { headers });
        expect(answer.status).toBe(200);
        const bytes = Buffer.from(await answer.arrayBuffer());
        if (checksum) {
          const check = new ChecksumCheck(checksum);
          check.update(bytes);
          expect(check.finish().matches).toBe(true);
        }
        found.set(entry.path!, bytes.toString());
      }
      for (const [path, content] of world.files)
        expect([path, found.get(path)]).toEqual([path, content]);
      const extra = [...found.keys()].filter((path) => !world.files.has(path));
      // An image layout has files of its own besides the blobs.
      expect(extra.filter((path) => !/^(?:oci-layout|index\.json|blobs\/.*)$/.test(path))).toEqual(
        [],
      );
    });

    it("says that something is not there", async () => {
      const failure = all(world.absentUrlOf(serverUrl));
      await expect(failure).rejects.toMatchObject({
        message: expect.stringMatching(/404|there is no/) as string,
      });
    });

    it("names its URLs when one has not their form", async () => {
      const scheme = source.schemes[0]!;
      if (scheme === "http:") return;
      await expect(all(`${scheme}//`)).rejects.toThrow(`must look like ${scheme}//`);
    });

    if (world.wrongEnv) {
      it("says that credentials are refused, and does not repeat them", async () => {
        const failure = await all(world.urlOf(serverUrl), depsOf(world.wrongEnv)).catch(String);
        expect(failure).toMatch(/401|403/);
        for (const secret of Object.values(world.wrongEnv!)) expect(failure).not.toContain(secret);
      });
    }

    it("stops when it is told to", async () => {
      const reason = new Error("enough");
      const stopped = async (): Promise<void> => {
        const find = source.find(world.urlOf(serverUrl), depsOf(), AbortSignal.abort(reason));
        for await (const _entry of find);
      };
      await expect(stopped()).rejects.toBe(reason);
    });
  });
}
