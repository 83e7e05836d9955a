import { extract } from "tar-stream";
import { describe, expect, it } from "vitest";

import { tarEnd, tarHeader, tarPadding } from "./tar-format.ts";

describe("a tar file", () => {
  it("has names of any length and script, and is read by another program", async () => {
    const names = [
      "a",
      "b/",
      "n".repeat(100),
      `blobs/sha512/${"0f".repeat(64)}`,
      "d/日本語".repeat(30),
    ];
    const archive = extract();
    for (const name of names) {
      const content = name.endsWith("/") ? "" : `content of ${name}`;
      const lengthBytes = Buffer.byteLength(content);
      archive.write(tarHeader({ name, lengthBytes, mode: 0o640 }));
      archive.write(Buffer.concat([Buffer.from(content), tarPadding(lengthBytes)]));
    }
    archive.end(tarEnd());
    const found = [];
    for await (const entry of archive) {
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(chunk as Buffer);
      const { name, mode, type } = entry.header;
      found.push([name, mode, type, Buffer.concat(chunks).toString()]);
    }
    expect(found).toEqual(
      names.map((name) => [
        name,
        0o640,
        name.endsWith("/") ? "directory" : "file",
        name.endsWith("/") ? "" : `content of ${name}`,
      ]),
    );
  });

  it.each([8 ** 11 - 1, 8 ** 11, 2 ** 45])("says that a file has %d bytes", async (lengthBytes) => {
    const archive = extract();
    const size = new Promise((resolve) => {
      archive.on("entry", (header) => resolve(header.size));
    });
    archive.write(tarHeader({ name: "large", lengthBytes, mode: 0o644 }));
    expect(await size).toBe(lengthBytes);
    archive.destroy();
  });
});
