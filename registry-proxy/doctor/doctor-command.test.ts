import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";

import { freePort } from "../../test/harness/free-port.ts";
import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { MirrorFixture } from "../mirror-fixture.ts";
import { runDoctor } from "./doctor-command.ts";

const TYPE = "application/vnd.oci.image.manifest.v1+json";

async function ask(words: readonly string[]): Promise<{ text: string; error: Error | undefined }> {
  const output: string[] = [];
  const error = await runDoctor(words, {}, (text) => output.push(text)).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  return { text: output.join(""), error };
}

describe("the doctor", () => {
  it("pulls a probe and says where its bytes came from, and who uses the mirror", async () => {
    await using mirror = await MirrorFixture.start();
    await using root = await TemporaryDirectory.create("doctor");
    const { host, port } = mirror.endpoint;
    const content = Buffer.from("a layer");
    const layer = mirror.swarm.add({ bytes: content, source: "peers" });
    const text = JSON.stringify({ config: { digest: layer }, layers: [] });
    mirror.upstream.manifest("team/app", "v1", TYPE, text);
    await mkdir(root.join("etc/docker"), { recursive: true });
    const daemon = { "registry-mirrors": [`http://${host}:${port}`] };
    await writeFile(root.join("etc/docker/daemon.json"), JSON.stringify(daemon));
    const image = `${mirror.upstream.host}/team/app:v1`;
    const words = ["--mirror", `http://${host}:${port}`, "--image", image, "--root", root.path];
    const { text: said, error } = await ask(words);
    expect(said).toContain(`the mirror answers at http://${host}:${port}`);
    expect(said).toMatch(/blobs\/sha256:\w+: 7 bytes from peers in \d+ ms/);
    expect(said).toContain("ok       Docker: asks the mirror, by /etc/docker/daemon.json");
    expect(said).toContain("PROBLEM  no supernode is connected");
    expect(error?.message).toBe("problems found: 1");
  });

  it("names what is wrong with a probe", async () => {
    await using mirror = await MirrorFixture.start();
    await using root = await TemporaryDirectory.create("doctor");
    const { host, port } = mirror.endpoint;
    const digest = `sha256:${createHash("sha256").update("none").digest("hex")}`;
    const text = JSON.stringify({ config: { digest }, layers: [] });
    mirror.upstream.manifest("team/app", "v1", TYPE, text);
    const image = `${mirror.upstream.host}/team/app:v1`;
    const words = ["--mirror", `http://${host}:${port}`, "--image", image, "--root", root.path];
    const { text: said } = await ask(words);
    expect(said).toMatch(/PROBLEM {2}.* cannot be pulled through the mirror: blobs\/.*: 404/);
    expect(said).toContain("PROBLEM  no runtime asks the mirror");
  });

  it("says that nothing answers", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { text } = await ask(["--mirror", url, "--root", "/nowhere"]);
    expect(text).toContain(`PROBLEM  nothing answers at ${url}: ECONNREFUSED`);
  });
});
