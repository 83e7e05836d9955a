import { createHash } from "node:crypto";
import { request } from "undici";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeWhere } from "../harness/describe-where.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { Registry } from "../harness/registry.ts";
import { bytesDigest, seededBytes } from "../harness/seeded-bytes.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const EMPTY = Buffer.from("{}");
const REPOSITORY = "team/kinds";

interface Manifest {
  readonly name: string;
  readonly mediaType: string;
  readonly bytes: Buffer;
  readonly digest: string;
}

/** The reading part of the OCI distribution specification's conformance tests, asked of a mirror before a real registry. */
describeWhere(["docker-registry"], "the registry protocol at the mirror", () => {
  const resources = new AsyncDisposableStack();
  let registry: Registry;
  let fleet: Fleet;
  const blob = seededBytes("range", 2048);
  const manifests: Manifest[] = [];

  beforeAll(async () => {
    registry = resources.use(await Registry.start());
    for (const bytes of [EMPTY, Buffer.alloc(0), blob]) await push(registry.url, bytes);
    for (const [name, mediaType, content] of kinds()) {
      const bytes = Buffer.from(JSON.stringify(content));
      const digest = bytesDigest(bytes);
      manifests.push({ name, mediaType, bytes, digest });
      const answer = await request(`${registry.url}/v2/${REPOSITORY}/manifests/${name}`, {
        method: "PUT",
        headers: { "content-type": mediaType },
        body: bytes,
      });
      expect([name, answer.statusCode, await answer.body.text()]).toEqual([name, 201, ""]);
    }
    fleet = await startFleet({
      nodeProgram: "registry-proxy",
      nodeCount: 1,
      upstreams: [registry.url],
      allowOrigins: [registry.authority],
    });
    resources.use(fleet);
  });

  afterAll(() => resources.disposeAsync());

  const ask = async (
    path: string,
    headers: Record<string, string> = {},
    method: "GET" | "HEAD" | "PUT" | "POST" | "PATCH" | "DELETE" = "GET",
  ) => {
    const url = `${fleet.node(0).mirrorUrl}/v2/${path}`;
    const answer = await request(url, { method, headers });
    const body = Buffer.from(await answer.body.arrayBuffer());
    return { status: answer.statusCode, headers: answer.headers, body };
  };
  const codeOf = (body: Buffer): string =>
    (JSON.parse(body.toString()) as { errors: { code: string }[] }).errors[0]!.code;

  it("gives every kind of manifest byte for byte, by tag and by digest, to HEAD and GET", async () => {
    for (const { name, mediaType, bytes, digest } of manifests) {
      for (const reference of [name, digest]) {
        const path = `${REPOSITORY}/manifests/${reference}`;
        const accept = `${INDEX}, ${MANIFEST}`;
        const head = await ask(path, { accept }, "HEAD");
        const got = await ask(path, { accept });
        for (const { status, headers } of [head, got]) {
          expect([name, status, headers["content-type"]]).toEqual([name, 200, mediaType]);
          expect(headers["content-length"]).toBe(String(bytes.length));
          expect(headers["docker-content-digest"]).toBe(digest);
        }
        expect([head.body.length, got.body.equals(bytes)]).toEqual([0, true]);
      }
    }
  });

  it("gives blobs, the empty one and the one of an artifact too", async () => {
    for (const bytes of [EMPTY, Buffer.alloc(0), blob]) {
      const path = `${REPOSITORY}/blobs/${bytesDigest(bytes)}`;
      const head = await ask(path, {}, "HEAD");
      expect([head.status, head.headers["content-length"]]).toEqual([200, String(bytes.length)]);
      const got = await ask(path);
      expect([got.status, got.body.equals(bytes)]).toEqual([200, true]);
      expect(got.headers["accept-ranges"]).toBe("bytes");
    }
  });

  it.each([
    ["bytes=500-1499", 500, 1499],
    ["bytes=500-", 500, 2047],
    ["bytes=-500", 1548, 2047],
    ["bytes=2000-5000", 2000, 2047],
  ])("gives %s of a blob", async (range, first, last) => {
    const answer = await ask(`${REPOSITORY}/blobs/${bytesDigest(blob)}`, { range });
    expect([
      answer.status,
      answer.headers["content-range"],
      answer.headers["content-length"],
    ]).toEqual([206, `bytes ${first}-${last}/2048`, String(last - first + 1)]);
    expect(answer.body.equals(blob.subarray(first, last + 1))).toBe(true);
  });

  it.each(["bytes=500-0", "bytes=5000-10000"])("answers %s by 416", async (range) => {
    const answer = await ask(`${REPOSITORY}/blobs/${bytesDigest(blob)}`, { range });
    expect([answer.status, answer.headers["content-range"]]).toEqual([416, "bytes */2048"]);
  });

  it("lists tags as the registry does, with the parameters of the request", async () => {
    const names = manifests.map(({ name }) => name).sort();
    const all = await ask(`${REPOSITORY}/tags/list`);
    const { tags } = JSON.parse(all.body.toString()) as { tags: string[] };
    expect([all.status, tags.toSorted()]).toEqual([200, names]);
    const page = `${REPOSITORY}/tags/list?last=${names[1]}&n=2`;
    const own = await (await request(`${registry.url}/v2/${page}`)).body.text();
    const sorted = (text: string): unknown => JSON.stringify(text).split(/\W+/).toSorted();
    expect(sorted((await ask(page)).body.toString())).toEqual(sorted(own));
  });

  it("lists referrers as an index, an empty one for what nobody refers to", async () => {
    const path = `${REPOSITORY}/referrers/sha256:${"0".repeat(64)}`;
    for (const query of ["", "?artifactType=a/b"]) {
      const answer = await ask(path + query);
      expect([answer.status, answer.headers["content-type"]]).toEqual([200, INDEX]);
      const empty = { schemaVersion: 2, mediaType: INDEX, manifests: [] };
      expect(JSON.parse(answer.body.toString())).toEqual(empty);
      const applied = answer.headers["oci-filters-applied"];
      expect(applied).toBe(query === "" ? undefined : "artifactType");
    }
  });

  it("answers what is missing by 404, and what is no digest by 400, in the form of the specification", async () => {
    const none = `sha256:${"0".repeat(64)}`;
    for (const [path, status, code] of [
      [`${REPOSITORY}/manifests/${none}`, 404, "MANIFEST_UNKNOWN"],
      [`${REPOSITORY}/manifests/none`, 404, "MANIFEST_UNKNOWN"],
      [`${REPOSITORY}/blobs/${none}`, 404, "BLOB_UNKNOWN"],
      [`${REPOSITORY}/manifests/sha256:baddigeststring`, 400, "DIGEST_INVALID"],
      [`${REPOSITORY}/blobs/sha256:baddigeststring`, 400, "DIGEST_INVALID"],
      [`team/none/tags/list`, 404, "NAME_UNKNOWN"],
    ] as const) {
      const answer = await ask(path);
      expect([path, answer.status, codeOf(answer.body)]).toEqual([path, status, code]);
    }
  });

  it("answers pushes and deletions by 405", async () => {
    for (const [method, path] of [
      ["POST", `${REPOSITORY}/blobs/uploads/`],
      ["PUT", `${REPOSITORY}/manifests/x`],
      ["PATCH", `${REPOSITORY}/blobs/uploads/1`],
      ["DELETE", `${REPOSITORY}/manifests/x`],
    ] as const) {
      const answer = await ask(path, {}, method);
      expect([method, answer.status, codeOf(answer.body)]).toEqual([method, 405, "UNSUPPORTED"]);
    }
  });

  it("answers the root by 401 with the address of its token endpoint, which gives a token to all", async () => {
    const root = await ask("");
    const challenge = String(root.headers["www-authenticate"]);
    expect(root.status).toBe(401);
    const realm = /realm="([^"]+)"/.exec(challenge)![1]!;
    const answer = await request(`${realm}?service=darter&scope=repository:${REPOSITORY}:pull`);
    const { token } = (await answer.body.json()) as { token: string };
    const headers = { authorization: `Bearer ${token}` };
    expect((await ask("", headers)).status).toBe(200);
    expect((await ask(`${REPOSITORY}/tags/list`, headers)).status).toBe(200);
  });
});

async function push(registryUrl: string, bytes: Buffer): Promise<void> {
  const url = `${registryUrl}/v2/${REPOSITORY}/blobs/uploads/`;
  const started = await request(url, { method: "POST" });
  await started.body.dump();
  const place = new URL(String(started.headers["location"]), url);
  place.searchParams.set("digest", bytesDigest(bytes));
  const sent = await request(place.href, {
    method: "PUT",
    headers: { "content-type": "application/octet-stream" },
    body: bytes,
  });
  expect(sent.statusCode).toBe(201);
}

/** One manifest of each kind of the conformance tests that this registry takes: name, media type, content. */
function kinds(): [string, string, object][] {
  const config = {
    mediaType: "application/vnd.oci.image.config.v1+json",
    digest: bytesDigest(EMPTY),
    size: 2,
  };
  const layer = {
    mediaType: "application/vnd.oci.image.layer.v1.tar",
    digest: bytesDigest(Buffer.alloc(0)),
    size: 0,
  };
  const base = { schemaVersion: 2, mediaType: MANIFEST, config, layers: [layer] };
  const described = (content: object, mediaType: string) => {
    const bytes = Buffer.from(JSON.stringify(content));
    return { mediaType, digest: bytesDigest(bytes), size: bytes.length };
  };
  const inner = { schemaVersion: 2, mediaType: INDEX, manifests: [described(base, MANIFEST)] };
  const foreign = {
    mediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar",
    digest: `sha256:${createHash("sha256").update("elsewhere").digest("hex")}`,
    size: 9,
    urls: ["https://example.com/layer"],
  };
  const missing = { mediaType: MANIFEST, digest: `sha256:${"1".repeat(64)}`, size: 7 };
  const artifact = { ...base, config: { ...config, mediaType: "application/vnd.x+json" } };
  const long = { ...base, annotations: { long: "x".repeat(3_900_000) } };
  return [
    ["image", MANIFEST, base],
    ["index", INDEX, inner],
    ["nested-index", INDEX, { ...inner, manifests: [described(inner, INDEX)] }],
    ["empty-index", INDEX, { ...inner, manifests: [] }],
    ["artifact", MANIFEST, { ...artifact, artifactType: "application/vnd.x" }],
    ["no-layers", MANIFEST, { ...artifact, layers: [] }],
    ["subject", MANIFEST, { ...artifact, subject: described(base, MANIFEST) }],
    ["missing-subject", MANIFEST, { ...artifact, subject: missing }],
    ["data-field", MANIFEST, { ...base, config: { ...config, data: EMPTY.toString("base64") } }],
    ["custom-fields", MANIFEST, { ...base, "com.example.own": { a: [1, 2] } }],
    ["foreign-layers", MANIFEST, { ...base, layers: [layer, foreign] }],
    ["long", MANIFEST, long],
  ];
}
