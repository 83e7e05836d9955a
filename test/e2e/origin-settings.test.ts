import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import { describeWhere } from "../harness/describe-where.ts";
import { FaultyOrigin } from "../harness/faulty-origin.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { HttpsOrigin, makeCertificates, type Certificates } from "../harness/https-origin.ts";
import { bytesDigest, seededBytes } from "../harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";

const layer = seededBytes("origin settings", 2_000_000);
const other = seededBytes("origin settings, mirrored", 1_000_000);

describeWhere(
  ["openssl"],
  "a registry with an authority, a client's certificate and mirrors",
  () => {
    const resources = new AsyncDisposableStack();
    let directory: TemporaryDirectory;
    let certificates: Certificates;
    let registry: HttpsOrigin;
    let failing: FaultyOrigin;
    let serving: FaultyOrigin;
    let fleet: Fleet;

    beforeAll(async () => {
      directory = resources.use(await TemporaryDirectory.create("origins"));
      certificates = await makeCertificates(directory);
      registry = resources.use(await HttpsOrigin.start(certificates, layer));
      failing = resources.use(await FaultyOrigin.start());
      serving = resources.use(await FaultyOrigin.start());
      const path = directory.join("origins.yaml");
      await writeFile(
        path,
        `
origins:
  - host: ${new URL(registry.url).host}
    ca: ca.pem
    cert: client.pem
    key: client.key
    deny: [^secret/]
  - host: mirrored.example.com
    mirrors: [http://127.0.0.1:1, ${failing.url}, ${serving.url}/hub]
`,
      );
      fleet = await start("--origins", path);
    });

    afterAll(() => resources.disposeAsync());

    const start = async (...args: string[]): Promise<Fleet> => {
      const options = { nodeProgram: "registry-proxy", nodeCount: 2, nodeArgs: args } as const;
      return resources.use(
        await startFleet({
          ...options,
          supernodeArgs: args,
          upstreams: [registry.url],
          allowOrigins: ["127.0.0.1"],
          // Nobody but the file says whom to trust.
          env: { NODE_EXTRA_CA_CERTS: "" },
        }),
      );
    };

    it("is asked by nodes and supernode as the file says, and read once", async () => {
      onTestFailed(() => console.error(fleet.lastWords()));
      for (const node of fleet.nodes) {
        const answer = await fetch(`${node.mirrorUrl}/v2/team/app/blobs/${bytesDigest(layer)}`);
        expect(answer.status).toBe(200);
        expect(Buffer.from(await answer.arrayBuffer()).equals(layer)).toBe(true);
        expect(answer.headers.get("x-darter-source")).toMatch(/^(seed|peers)$/);
      }
      expect(new Set(registry.clients)).toEqual(new Set(["a client"]));
    });

    it("cannot be asked by those who have no such file, who say why", async () => {
      const bare = await start();
      const url = `${bare.node(0).mirrorUrl}/v2/team/app/blobs/${bytesDigest(layer)}`;
      const answer = await fetch(url);
      expect(answer.status).toBe(502);
      expect(await answer.text()).toContain("check its certificate");
    });

    it("gives no repository that is denied, cached or not", async () => {
      const url = `${fleet.node(0).mirrorUrl}/v2/secret/app/blobs/${bytesDigest(layer)}`;
      const answer = await fetch(url);
      expect(answer.status).toBe(403);
      expect(await answer.text()).toContain("secret/app");
    });

    it("is not needed where one of its mirrors has the content", async () => {
      const path = `/v2/team/app/blobs/${bytesDigest(other)}`;
      failing.serve(path, { content: other, faults: { status: 500 } });
      serving.serve(`/hub${path}`, { content: other });
      for (const node of fleet.nodes) {
        const answer = await fetch(`${node.mirrorUrl}${path}?ns=mirrored.example.com`);
        expect(answer.status).toBe(200);
        expect(Buffer.from(await answer.arrayBuffer()).equals(other)).toBe(true);
      }
      expect(serving.gets(`/hub${path}`)).toHaveLength(1);
      expect(failing.gets(path).length).toBeGreaterThan(0);
    });
  },
);
