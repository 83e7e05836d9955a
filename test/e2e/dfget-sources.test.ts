import { createHash } from "node:crypto";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readdirSync } from "node:fs";
import { mkdir, readFile, stat } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { dfgetDefinition } from "../../dfget/config.ts";
import { configOptions } from "../../platform/config-option.ts";
import { EXIT } from "../../platform/user-error.ts";
import { runProgramToEnd } from "../harness/darter-programs.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { buildImage } from "../harness/image.ts";
import { Registry } from "../harness/registry.ts";
import { uploadImage } from "../harness/registry-upload.ts";
import { mustRun } from "../harness/run-command.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";

/** Serves what is in a table, by path, and keeps the URLs that it was asked for. */
class Shelf implements AsyncDisposable {
  readonly asked: string[] = [];
  readonly contents = new Map<string, string>();
  readonly refused = new Set<string>();
  readonly #server = createServer((request, response) => {
    this.asked.push(request.url ?? "");
    const [path = ""] = (request.url ?? "").split("?", 1);
    const content = this.contents.get(path);
    response.statusCode = this.refused.has(path) ? 403 : content === undefined ? 404 : 200;
    response.setHeader("content-length", content?.length ?? 0);
    response.end(request.method === "HEAD" ? undefined : content);
  });

  static async open(): Promise<Shelf> {
    const shelf = new Shelf();
    shelf.#server.listen(0, "127.0.0.1");
    await once(shelf.#server, "listening");
    return shelf;
  }

  get authority(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}

describe("dfget at places of other kinds", () => {
  const resources = new AsyncDisposableStack();
  let shelf: Shelf;
  let home: TemporaryDirectory;

  beforeAll(async () => {
    shelf = resources.use(await Shelf.open());
    home = resources.use(await TemporaryDirectory.create("sources"));
  });

  beforeEach(() => {
    shelf.asked.length = 0;
    shelf.contents.clear();
  });

  afterAll(() => resources.disposeAsync());

  const run = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    await runProgramToEnd("dfget", { args, env });

  it("asks the server of --s3-endpoint, with a signature for --s3-region where there are keys", async () => {
    shelf.contents.set("/bucket/dir/key", "an object");
    const args = ["s3://bucket/dir/key", "--s3-endpoint", `http://${shelf.authority}`];
    const keys = { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "secret" };
    const target = home.join("object");
    const open = await run([...args, "--direct", "-o", target]);
    expect([open.code, open.stderr]).toEqual([EXIT.ok, expect.not.stringMatching(/^dfget:/m)]);
    expect(await readFile(target, "utf8")).toBe("an object");
    expect(shelf.asked.join(" ")).not.toContain("X-Amz-Signature");
    await run([...args, "--s3-region", "eu-7", "--direct", "-o", target], keys);
    expect(shelf.asked.at(-1)).toMatch(
      /^\/bucket\/dir\/key\?.*X-Amz-Credential=AKIDEXAMPLE%2F\d{8}%2Feu-7%2Fs3/,
    );
  });

  it("says by its exit code that an object or a repository is not there, or that credentials are refused", async () => {
    const server = `http://${shelf.authority}`;
    const keys = { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "secret" };
    shelf.refused.add("/private/key");
    shelf.refused.add("/api/models/org/private/tree/main");
    const uses: [string[], number][] = [
      [["s3://bucket/absent"], EXIT.notFound],
      [["-r", "s3://absent/tree/"], EXIT.notFound],
      [["s3://private/key"], EXIT.denied],
      [["hf://org/absent"], EXIT.notFound],
      [["hf://org/private"], EXIT.denied],
      [[`oci://${shelf.authority}/team/absent:1`], EXIT.notFound],
    ];
    for (const [args, code] of uses) {
      const places = ["--s3-endpoint", server, "--hf-endpoint", server, "-o", home.join("none")];
      const result = await run([...args, ...places, "--direct"], keys);
      expect([args, result.code]).toEqual([args, code]);
      expect(result.stderr).toMatch(/^dfget: [^\n]*(?:404|403|there is no)[^\n]*$/);
      expect(result.stderr).not.toMatch(/secret|X-Amz-Signature/);
    }
    expect(readdirSync(home.path)).not.toContain("none");
    shelf.refused.clear();
  });

  it("looks for a repository at --hf-endpoint", async () => {
    const listed = [{ type: "file", oid: "1", size: 7, path: "config.json" }];
    shelf.contents.set("/api/models/org/name/tree/main", JSON.stringify(listed));
    shelf.contents.set("/org/name/resolve/main/config.json", "weights");
    const endpoint = `http://${shelf.authority}`;
    const args = ["hf://org/name", "--hf-endpoint", endpoint, "--direct", "-o", home.join("hf")];
    const { code, stderr } = await run(args);
    expect(stderr).not.toMatch(/^dfget:/m);
    expect(code).toBe(EXIT.ok);
    expect(await readFile(home.join("hf", "config.json"), "utf8")).toBe("weights");
  });

  it("takes the image of --platform, of one that has several", async () => {
    const images = ["amd64", "arm64"].map((architecture) => addImage(architecture));
    const index = JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: images,
    });
    shelf.contents.set("/v2/team/app/manifests/1.0", index);
    shelf.contents.set(`/v2/team/app/manifests/${digestOf(index)}`, index);
    for (const [chosen, image] of images.entries()) {
      const { architecture } = image.platform;
      const target = home.join(`image-${architecture}`);
      const url = `oci://${shelf.authority}/team/app:1.0`;
      const args = [url, "--platform", `linux/${architecture}`, "--direct", "-o", target];
      const { code, stderr } = await run(args);
      expect(stderr).not.toMatch(/^dfget:/m);
      expect(code).toBe(EXIT.ok);
      const blobs = readdirSync(join(target, "blobs", "sha256"));
      expect(blobs).toContain(image.digest.slice(7));
      expect(blobs).not.toContain(images[1 - chosen]!.digest.slice(7));
    }
    const none = await run([
      `oci://${shelf.authority}/team/app:1.0`,
      "--platform",
      "plan9/mips",
      "-o",
      home.join("none"),
    ]);
    expect(none.code).not.toBe(EXIT.ok);
    expect(none.stderr).toContain("plan9/mips");
  });

  it("packs an image into a tar file, the same bytes each time, and leaves nothing beside it", async () => {
    const image = addImage("amd64");
    shelf.contents.set(
      "/v2/team/app/manifests/2.0",
      shelf.contents.get(`/v2/team/app/manifests/${image.digest}`)!,
    );
    const target = home.join("packed", "app.tar");
    await mkdir(home.join("packed"));
    const daemon = [
      "--socket",
      home.join("s2"),
      "--data-dir",
      home.join("d2"),
      "--idle-exit",
      "200ms",
    ];
    const url = `oci://${shelf.authority}/team/app:2.0`;
    const hashes = [];
    for (const way of [
      [...daemon, "--allow-origin", "127.0.0.1"],
      ["--direct", "--mode", "0600"],
    ]) {
      const { code, stderr } = await run([url, "-o", target, ...way], {
        DFGET_DAEMON_LISTEN: "127.0.0.1:0",
      });
      expect(stderr).not.toMatch(/^dfget:/m);
      expect(code).toBe(EXIT.ok);
      expect(readdirSync(home.join("packed"))).toEqual(["app.tar"]);
      hashes.push(digestOf(await readFile(target, "latin1")));
    }
    expect(hashes[1]).toBe(hashes[0]);
    expect((await stat(target)).mode & 0o777).toBe(0o600);
    const { stdout } = await promisify(execFile)("tar", ["tvf", target]);
    expect(stdout).toMatch(/^drwxr-xr-x .* blobs\/$/m);
    expect(stdout).toMatch(
      new RegExp(`^-rw-r--r-- .* blobs/sha256/${image.digest.slice(7)}$`, "m"),
    );
    await promisify(execFile)("tar", ["xf", target, "-C", home.join("packed")]);
    const index = await readFile(home.join("packed", "index.json"), "utf8");
    expect(JSON.parse(index)).toMatchObject({ manifests: [{ digest: image.digest }] });
    const linked = await run([url, "-o", target, "--hard-link"]);
    expect([linked.code, linked.stderr]).toEqual([
      EXIT.usage,
      expect.stringContaining("tar file exclude"),
    ]);
    const left = await run([url, "-o", target, "--no-clobber", "--direct"]);
    expect([left.code, left.stderr]).toEqual([EXIT.ok, expect.stringContaining("left alone")]);
  });

  it("keeps what came of an image that cannot be packed yet, and asks for the rest alone", async () => {
    const image = addImage("amd64");
    const place = "/v2/team/app";
    const manifest = shelf.contents.get(`${place}/manifests/${image.digest}`)!;
    shelf.contents.set(`${place}/manifests/3.0`, manifest);
    const { layers } = JSON.parse(manifest) as { layers: [{ digest: string }] };
    const layer = `${place}/blobs/${layers[0].digest}`;
    const content = shelf.contents.get(layer)!;
    shelf.contents.delete(layer);
    const target = home.join("later.tar");
    const args = [`oci://${shelf.authority}/team/app:3.0`, "-o", target, "--direct"];
    const broken = await run(args);
    expect(broken.code).toBe(EXIT.someFailed);
    expect(readdirSync(home.path)).not.toContain("later.tar");
    shelf.contents.set(layer, content);
    shelf.asked.length = 0;
    expect((await run(args)).code).toBe(EXIT.ok);
    expect(shelf.asked.filter((path) => path.includes("/blobs/"))).toEqual([layer]);
    expect(readdirSync(home.path).filter((name) => name.includes("later"))).toEqual(["later.tar"]);
  });

  it("leaves the origin alone with --no-back-source where no supernode can serve", async () => {
    shelf.contents.set("/f", "a file");
    const args = [`http://${shelf.authority}/f`, "--no-back-source", "-o", home.join("f")];
    const daemon = ["--socket", home.join("s"), "--data-dir", home.join("d")];
    const start = ["--allow-origin", "127.0.0.1", "--idle-exit", "100ms"];
    const env = { DFGET_DAEMON_LISTEN: "127.0.0.1:0" };
    const { code, stderr } = await run([...args, ...daemon, ...start], env);
    expect(code).not.toBe(EXIT.ok);
    expect(stderr).toMatch(/supernode/);
    expect(shelf.asked).toEqual([]);
  });

  /** Puts an image of one layer on the shelf; returns its descriptor. */
  function addImage(architecture: string) {
    const add = (content: string, mediaType: string) => {
      shelf.contents.set(`/v2/team/app/blobs/${digestOf(content)}`, content);
      return { mediaType, digest: digestOf(content), size: content.length };
    };
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: add(
        JSON.stringify({ os: "linux", architecture }),
        "application/vnd.oci.image.config.v1+json",
      ),
      layers: [add(`layer of ${architecture}`, "application/vnd.oci.image.layer.v1.tar")],
    });
    shelf.contents.set(`/v2/team/app/manifests/${digestOf(manifest)}`, manifest);
    return {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest: digestOf(manifest),
      size: manifest.length,
      platform: { os: "linux", architecture },
    };
  }
});

describeWhere(["docker-registry", "skopeo"], "dfget at a registry", () => {
  it("makes a tar file of an image that other programs take", async () => {
    await using image = await buildImage({
      shared: [{ name: "file", compression: "gzip", content: { seed: 7, lengthBytes: 300_000 } }],
    });
    await using registry = await Registry.start();
    await using home = await TemporaryDirectory.create("archive");
    await uploadImage(image, registry.url, "team/app", "1.0");
    const target = home.join("app.tar");
    const url = `oci://${registry.authority}/team/app:1.0`;
    const { code, stderr } = await runProgramToEnd("dfget", {
      args: [url, "-o", target, "--direct"],
    });
    expect(stderr).not.toMatch(/^dfget:/m);
    expect(code).toBe(EXIT.ok);
    const archive = `oci-archive:${target}`;
    const inspect = ["inspect", "--format", "{{.Digest}}", archive];
    const digest = await mustRun({ command: "skopeo", args: inspect });
    expect(digest.trim()).toBe(image.own.manifest.digest);
    await mustRun({ command: "skopeo", args: ["copy", "-q", archive, `dir:${home.join("copy")}`] });
  });
});

describe("each flag of dfget", () => {
  /** What the tests of whole commands say, each to its end. */
  const tests = readdirSync(import.meta.dirname)
    .filter((name) => /^(?:dfget|file-download|daemon)/.test(name))
    .map((name) => readFileSync(join(import.meta.dirname, name), "utf8"))
    .join("\n");

  it.each(configOptions(dfgetDefinition.schema).map(({ flag, short }) => ({ flag, short })))(
    "--$flag is given in a test of a whole command",
    ({ flag, short }) => {
      const long = `["'\`]--(?:no-)?${flag}(?:=|["'\`])`;
      const brief = short === undefined ? "" : `|["'\`]-${short}["'\`]`;
      expect(tests).toMatch(new RegExp(`${long}${brief}`));
    },
  );
});

function digestOf(content: string): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}
