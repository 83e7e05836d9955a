import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from "vitest";
import { blobGets } from "../harness/access-log.ts";
import { curl, type CurlAnswer } from "../harness/curl.ts";
import { runProgramToEnd } from "../harness/darter-programs.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { FileServer } from "../harness/file-server.ts";
import { startFleet, type Fleet, type FleetNode } from "../harness/fleet.ts";
import { makeCertificates, type Certificates } from "../harness/https-origin.ts";
import { buildImage } from "../harness/image.ts";
import { Network } from "../harness/network.ts";
import { Registry } from "../harness/registry.ts";
import { uploadImage } from "../harness/registry-upload.ts";
import { mustRun, runCommand } from "../harness/run-command.ts";
import { seededBytes } from "../harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";

const LENGTH_BYTES = 3_000_000;

describeWhere(
  [
    "namespaces",
    "curl",
    "wget",
    "git",
    "git-lfs",
    "pip3",
    "skopeo",
    "docker-registry",
    "openssl",
    "ip",
    "tc",
    "nsenter",
  ],
  "programs that use a node as their HTTP proxy",
  () => {
    const resources = new AsyncDisposableStack();
    let network: Network;
    let directory: TemporaryDirectory;
    let certificates: Certificates;
    let origin: FileServer;
    let registry: Registry;
    let fleet: Fleet;

    beforeAll(async () => {
      network = resources.use(await Network.create({ hostCount: 3 }));
      directory = resources.use(await TemporaryDirectory.create("proxy"));
      certificates = await makeCertificates(directory, network.ownAddress);
      origin = resources.use(await FileServer.start(network.ownAddress, certificates));
      registry = resources.use(await Registry.start({ host: network.host(0) }));
      const ca = [
        "--cert-output",
        directory.join("own.crt"),
        "--key-output",
        directory.join("own.key"),
      ];
      const made = await runProgramToEnd("registry-proxy", { args: ["gen-ca", ...ca] });
      expect(made.code).toBe(0);
      const [plain, secure] = [new URL(origin.url).host, new URL(origin.secureUrl).host];
      await writeFile(
        directory.join("proxy.yaml"),
        `
rules:
  - match: /direct/
    use: direct
  - match: ^https?://[^/]+/(shared|lfs/objects|packages)/
  - match: /v2/.*/blobs/sha256
  - match: ^http://moved\\.example\\.com/
    redirect: ${plain}
  - match: ^http://${secure}/
    https: true
intercept:
  cert: own.crt
  key: own.key
  hosts: ["^${secure.replaceAll(".", "\\\\.")}$"]
`,
      );
      fleet = await startFleet({
        nodeProgram: "registry-proxy",
        nodeCount: 2,
        placement: { supernode: network.host(0), nodes: [network.host(1), network.host(2)] },
        allowOrigins: [],
        nodeArgs: ["--proxy-config", directory.join("proxy.yaml")],
        env: { NODE_EXTRA_CA_CERTS: certificates.ca },
      });
      resources.use(fleet);
    });

    afterAll(() => resources.disposeAsync());

    const file = (
      path: string,
      more: { mediaType?: string; authorization?: string } = {},
    ): Buffer => {
      const bytes = seededBytes(path, LENGTH_BYTES);
      origin.files.set(path, { bytes, ...more });
      return bytes;
    };

    const get = async (node: FleetNode, url: string, ...args: string[]): Promise<CurlAnswer> => {
      onTestFailed(() => console.error(fleet.lastWords()));
      const { networkNamespace } = node;
      return await curl(url, { args: ["-x", node.mirrorUrl, ...args], networkNamespace });
    };

    /** The environment by which programs find the proxy and its authority. */
    const environment = (node: FleetNode): Record<string, string | undefined> => ({
      // What the machine says of authorities goes before what pip is told.
      REQUESTS_CA_BUNDLE: undefined,
      CURL_CA_BUNDLE: undefined,
      PIP_CERT: undefined,
      http_proxy: node.mirrorUrl,
      https_proxy: node.mirrorUrl,
      HTTP_PROXY: node.mirrorUrl,
      HTTPS_PROXY: node.mirrorUrl,
      HOME: node.homeDirectory,
    });

    const run = async (node: FleetNode, command: string, ...args: string[]): Promise<string> =>
      await mustRun({
        command,
        args,
        env: environment(node),
        cwd: node.homeDirectory,
        networkNamespace: node.networkNamespace,
      });

    describe("curl", () => {
      it("gets what a rule names through the swarm, which reads it once", async () => {
        const bytes = file("/shared/plain");
        for (const node of fleet.nodes) {
          const answer = await get(node, `${origin.url}/shared/plain`);
          expect(answer.status).toBe(200);
          expect(answer.body.equals(bytes)).toBe(true);
          expect(answer.headers["x-darter-source"]).toMatch(/^(seed|peers)$/);
        }
        expect(origin.sentBytes("/shared/plain")).toBe(LENGTH_BYTES);
        const part = await get(
          fleet.node(1),
          `${origin.url}/shared/plain`,
          "-r",
          "1000000-1000009",
        );
        expect(part.status).toBe(206);
        expect(part.body.equals(bytes.subarray(1_000_000, 1_000_010))).toBe(true);
      });

      it("gets everything else from the origin, which is what a direct rule says too", async () => {
        for (const path of ["/other/file", "/shared/direct/file"]) {
          const bytes = file(path);
          for (const node of fleet.nodes) {
            const answer = await get(node, origin.url + path);
            expect(answer.body.equals(bytes)).toBe(true);
            expect(answer.headers["x-darter-source"]).toBe("origin");
          }
          expect(origin.sentBytes(path)).toBe(2 * LENGTH_BYTES);
        }
        expect((await get(fleet.node(0), `${origin.url}/shared/none`)).status).toBe(404);
      });

      it("is sent to another host, and to HTTPS, by rules", async () => {
        const moved = file("/moved-file");
        const answer = await get(fleet.node(0), "http://moved.example.com/moved-file");
        expect(answer.body.equals(moved)).toBe(true);
        const secure = file("/secure-file");
        const url = `${origin.secureUrl.replace("https", "http")}/secure-file`;
        const rewritten = await get(fleet.node(1), url);
        expect(rewritten.body.equals(secure)).toBe(true);
        expect(rewritten.headers["x-darter-source"]).toMatch(/^(seed|peers)$/);
        const asked = origin.requests.filter(({ path }) => path === "/secure-file");
        expect(asked.every(({ isSecure }) => isSecure)).toBe(true);
      });

      it("speaks HTTPS with the node where the host is listed, and shares", async () => {
        const bytes = file("/shared/secure");
        const trust = ["--cacert", directory.join("own.crt")];
        for (const node of fleet.nodes) {
          const answer = await get(node, `${origin.secureUrl}/shared/secure`, ...trust);
          expect(answer.body.equals(bytes)).toBe(true);
          expect(answer.headers["x-darter-source"]).toMatch(/^(seed|peers)$/);
        }
        expect(origin.sentBytes("/shared/secure")).toBe(LENGTH_BYTES);
        const distrust = get(fleet.node(0), `${origin.secureUrl}/shared/secure`);
        await expect(distrust).rejects.toThrow("SSL certificate problem");
      });

      it("speaks HTTPS with the origin itself everywhere else", async () => {
        await using other = await FileServer.start(network.ownAddress, certificates);
        const bytes = seededBytes("tunnel", LENGTH_BYTES);
        other.files.set("/shared/tunnel", { bytes });
        const url = `${other.secureUrl}/shared/tunnel`;
        const answer = await get(fleet.node(0), url, "--cacert", certificates.ca);
        expect(answer.body.equals(bytes)).toBe(true);
        expect(answer.headers["x-darter-source"]).toBeUndefined();
      });

      it("is refused addresses that nobody may ask for", async () => {
        for (const address of ["http://127.0.0.1:8002/x", "http://169.254.169.254/latest/"]) {
          const answer = await get(fleet.node(0), address);
          expect(answer.status).toBe(403);
          expect(answer.body.toString()).toContain("which is refused");
        }
        const { networkNamespace, mirrorUrl } = fleet.node(0);
        const args = ["-sS", "-x", mirrorUrl, "https://127.0.0.1:8002/"];
        const tunnel = await runCommand({ command: "curl", args, networkNamespace });
        expect(tunnel.stderr).toContain("403");
      });

      it("gets a private file only with a right of its own, wherever it is cached", async () => {
        const bytes = file("/shared/private", { authorization: "Bearer alice" });
        const url = `${origin.url}/shared/private`;
        for (const node of fleet.nodes) {
          const answer = await get(node, url, "-H", "Authorization: Bearer alice");
          expect(answer.body.equals(bytes)).toBe(true);
        }
        expect(origin.sentBytes("/shared/private")).toBe(LENGTH_BYTES);
        for (const node of fleet.nodes) {
          const bob = await get(node, url, "-H", "Authorization: Bearer bob");
          expect([bob.status, bob.body.toString()]).toEqual([403, "not for you\n"]);
          const nobody = await get(node, url);
          expect([nobody.status, nobody.body.toString()]).toEqual([401, "not for you\n"]);
        }
        origin.files.set("/shared/private", { bytes, authorization: "Bearer other" });
        const late = await get(fleet.node(0), url, "-H", "Authorization: Bearer alice");
        expect(late.status).toBe(403);
      });
    });

    it("serves wget by HTTP and HTTPS, which goes on where it was", async () => {
      const bytes = file("/shared/for-wget");
      for (const [index, url] of [origin.url, origin.secureUrl].entries()) {
        const node = fleet.node(index);
        const target = join(node.homeDirectory, "for-wget");
        await writeFile(target, bytes.subarray(0, 1_234_567));
        const ca = `--ca-certificate=${directory.join("own.crt")}`;
        await run(node, "wget", "-q", "-c", ca, "-O", target, `${url}/shared/for-wget`);
        expect((await readFile(target)).equals(bytes)).toBe(true);
      }
    });

    it("serves pip, by HTTPS that the node opens", async () => {
      const wheel = "darter_sample-1.0-py3-none-any.whl";
      const bytes = await sampleWheel(directory.join("wheel"));
      origin.files.set(`/packages/${wheel}`, { bytes });
      const page = Buffer.from(`<a href="/packages/${wheel}">${wheel}</a>`);
      origin.files.set("/simple/darter-sample/", { bytes: page, mediaType: "text/html" });
      for (const node of fleet.nodes) {
        const target = join(node.homeDirectory, "wheels");
        await run(
          node,
          "/usr/bin/pip3",
          ..."download --quiet --no-cache-dir --no-deps --disable-pip-version-check".split(" "),
          "--cert",
          directory.join("own.crt"),
          "--dest",
          target,
          "--index-url",
          `${origin.secureUrl}/simple/`,
          "darter-sample",
        );
        expect((await readFile(join(target, wheel))).equals(bytes)).toBe(true);
      }
      expect(origin.sentBytes(`/packages/${wheel}`)).toBe(bytes.length);
    });

    it("serves git-lfs, whose servers give an address and a header for each file", async () => {
      const bytes = seededBytes("lfs", LENGTH_BYTES);
      const oid = createHash("sha256").update(bytes).digest("hex");
      const path = `/lfs/objects/${oid}`;
      const authorization = "RemoteAuth of-this-file";
      origin.files.set(path, { bytes, authorization });
      origin.answer = (request, response) => {
        if (request.url !== "/repo.git/info/lfs/objects/batch") return false;
        const download = { href: origin.url + path, header: { Authorization: authorization } };
        const object = { oid, size: bytes.length, authenticated: true, actions: { download } };
        response.setHeader("content-type", "application/vnd.git-lfs+json");
        response.end(JSON.stringify({ transfer: "basic", objects: [object] }));
        return true;
      };
      for (const node of fleet.nodes) {
        const repository = join(node.homeDirectory, "repository");
        await mkdir(repository);
        const git = async (...args: string[]): Promise<string> =>
          await run(node, "git", "-C", repository, ...args);
        await git("init", "-q");
        await git("config", "user.email", "tests@example.com");
        await git("config", "user.name", "Tests");
        await git("config", "lfs.url", `${origin.url}/repo.git/info/lfs`);
        await git("lfs", "install", "--local", "--skip-smudge");
        await writeFile(join(repository, ".gitattributes"), "*.bin filter=lfs -text\n");
        const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${bytes.length}\n`;
        await writeFile(join(repository, "big.bin"), pointer);
        await git("add", ".");
        await git("commit", "-q", "-m", "A large file");
        await git("lfs", "pull");
        expect((await readFile(join(repository, "big.bin"))).equals(bytes)).toBe(true);
      }
      expect(origin.sentBytes(path)).toBe(bytes.length);
    });

    it("serves a container tool that knows nothing of mirrors", async () => {
      const content = { seed: "proxied image", lengthBytes: LENGTH_BYTES };
      await using image = await buildImage({
        shared: [{ name: "layer", compression: "none", content }],
      });
      await uploadImage(image, registry.url, "team/proxied", "v1");
      await registry.log.forget();
      const [layer] = image.own.layers;
      for (const node of fleet.nodes) {
        const target = join(node.homeDirectory, "image");
        const from = `docker://${registry.authority}/team/proxied:v1`;
        await run(
          node,
          "skopeo",
          "copy",
          "-q",
          "--src-tls-verify=false",
          "--insecure-policy",
          from,
          `dir:${target}`,
        );
        const hex = layer!.digest.slice("sha256:".length);
        const hash = createHash("sha256").update(await readFile(join(target, hex)));
        expect(hash.digest("hex")).toBe(hex);
      }
      expect(blobGets(await registry.log.records()).get(layer!.digest)).toBe(1);
    });
  },
);

/** A package with nothing in it, as pip takes it. */
async function sampleWheel(directory: string): Promise<Buffer> {
  const info = join(directory, "darter_sample-1.0.dist-info");
  await mkdir(info, { recursive: true });
  await writeFile(join(directory, "darter_sample.py"), `data = "${"x".repeat(500_000)}"\n`);
  await writeFile(
    join(info, "METADATA"),
    "Metadata-Version: 2.1\nName: darter-sample\nVersion: 1.0\n",
  );
  await writeFile(
    join(info, "WHEEL"),
    "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
  );
  await writeFile(join(info, "RECORD"), "");
  const pack = "import shutil,sys; shutil.make_archive(sys.argv[1][:-4], 'zip', sys.argv[2])";
  const path = `${directory}.zip`;
  await mustRun({ command: "/usr/bin/python3", args: ["-c", pack, path, directory] });
  return await readFile(path);
}
