import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { constants, copyFile, readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { systemClock } from "../../platform/clock.ts";
import { silentLog } from "../../platform/log.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import type { OpenTask } from "../peer/open-task.ts";
import type { WantedContent } from "./api-schema.ts";
import { readDownloadFrames } from "./download-frames.ts";
import { streamDownload } from "./download-stream.ts";
import { placeName } from "./place-name.ts";

const { signal } = new AbortController();
const CONTENT = Buffer.alloc(5 * 1024 * 1024, "content");

let directory: TemporaryDirectory;
let clonePath: string;

beforeEach(async () => {
  directory = await TemporaryDirectory.create("copied");
  clonePath = join(directory.path, "wanted");
  await writeFile(join(directory.path, "own"), CONTENT);
});
afterEach(async () => await directory[Symbol.asyncDispose]());

describe("a content on a disk that cannot clone files", () => {
  it("is copied to where its reader sees the same directory", async () => {
    const copyPlace = placeName(clonePath)!;
    expect(await download({ clonePath, copyPlace })).toEqual({ isCloned: true, sentBytes: 0 });
    expect((await readFile(clonePath)).equals(CONTENT)).toBe(true);
  });

  it("is sent to one who sees another directory there, as from outside of a container", async () => {
    const copyPlace = placeName(directory.path)!;
    const sent = { isCloned: undefined, sentBytes: CONTENT.length };
    expect(await download({ clonePath, copyPlace })).toEqual(sent);
    expect(await download({ clonePath })).toEqual(sent);
    expect(await download({ clonePath: join(clonePath, "absent"), copyPlace })).toEqual(sent);
    await expect(readFile(clonePath)).rejects.toThrow("ENOENT");
  });

  it("is sent when it is longer than anybody should wait for, or so short that nobody gains", async () => {
    const copyPlace = placeName(clonePath)!;
    for (const lengthBytes of [undefined, 1024 * 1024, 65 * 1024 * 1024]) {
      const { isCloned } = await download({ clonePath, copyPlace }, lengthBytes);
      expect(isCloned).toBeUndefined();
    }
  });

  it("is sent when some of it is still to come", async () => {
    const copyPlace = placeName(clonePath)!;
    const { isCloned } = await download({ clonePath, copyPlace }, CONTENT.length + 1);
    expect(isCloned).toBeUndefined();
  });

  it("is sent when it cannot be copied", async () => {
    await writeFile(clonePath, "there already");
    const { sentBytes } = await download({ clonePath, copyPlace: placeName(clonePath)! });
    expect(sentBytes).toBe(CONTENT.length);
    expect(await readFile(clonePath, "utf8")).toBe("there already");
  });
});

async function download(wanted: WantedContent, ...length: readonly (number | undefined)[]) {
  const task = taskOf(length.length === 0 ? CONTENT.length : length[0]);
  const server = createServer((_request, response) => {
    void streamDownload(response, task, wanted, { clock: systemClock, log: silentLog }, signal);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const { port } = server.address() as AddressInfo;
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    for await (const part of readDownloadFrames(answer.body!)) {
      if (part.kind !== "event" || part.event.event !== "completed") continue;
      return { isCloned: part.event.isCloned, sentBytes: part.event.sentBytes };
    }
    throw new Error("there was no end");
  } finally {
    server.close();
  }
}

function taskOf(lengthBytes: number | undefined): OpenTask {
  return {
    taskId: "url:00" as TaskId,
    lengthBytes,
    mediaType: undefined,
    firstSource: "seed",
    sourceAt: () => "seed",
    completed: Promise.resolve(),
    failure: undefined,
    progress: () => ({
      lengthBytes,
      heldBytes: CONTENT.length,
      receivedBytes: { seed: 0, peers: 0, origin: 0 },
    }),
    async *read() {
      yield CONTENT;
    },
    canCloneTo: async () => false,
    copyTo: async (path: string) =>
      await copyFile(join(directory.path, "own"), path, constants.COPYFILE_EXCL).then(
        () => true,
        () => false,
      ),
    [Symbol.asyncDispose]: async () => undefined,
  };
}
