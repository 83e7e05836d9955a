import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import { acceptanceImage } from "../fixtures/acceptance-image.ts";
import { blobGets } from "../harness/access-log.ts";
import { curl } from "../harness/curl.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { blobsOf, buildImage, type BuiltImage } from "../harness/image.ts";
import type { Descriptor } from "../harness/oci-layout.ts";
import { Registry } from "../harness/registry.ts";
import { uploadImage } from "../harness/registry-upload.ts";
import { mustRun } from "../harness/run-command.ts";
import { bytesDigest, fileDigest } from "../harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";

describeWhere(["docker-registry", "skopeo", "curl"], "one mirror, asked by skopeo and curl", () => {
  const resources = new AsyncDisposableStack();
  let image: BuiltImage;
  let registry: Registry;
  let fleet: Fleet;
  let rangeLayer: Descriptor;
  let layerBytes: Buffer;
  let layerUrl: string;

  beforeAll(async () => {
    image = resources.use(await buildImage(acceptanceImage("skopeo")));
    registry = resources.use(await Registry.start());
    await uploadImage(image, registry.url, "team/app", "v1");
    await registry.log.forget();
    fleet = await startFleet({
      nodeProgram: "registry-proxy",
      nodeCount: 2,
      upstreams: [registry.url],
      allowOrigins: [registry.authority],
    });
    resources.use(fleet);
    const layer = image.own.layers[2];
    if (layer === undefined) throw new Error("the image has too few layers");
    rangeLayer = layer;
    layerBytes = await readFile(image.layout.blobPath(layer.digest));
    layerUrl = `${fleet.node(0).mirrorUrl}/v2/team/app/blobs/${layer.digest}`;
  });

  afterAll(() => resources.disposeAsync());

  const rangeCases = [
    { range: "bytes=1000-1999", slice: () => [1000, 2000] as const },
    { range: "bytes=-500", slice: (all: Buffer) => [all.length - 500, all.length] as const },
    { range: "bytes=5000-", slice: (all: Buffer) => [5000, all.length] as const },
  ];

  const expectRange = async (
    range: string,
    [from, to]: readonly [number, number],
  ): Promise<void> => {
    const answer = await curl(layerUrl, { args: ["-H", `Range: ${range}`] });
    expect(answer.status).toBe(206);
    expect(answer.headers["content-range"]).toBe(`bytes ${from}-${to - 1}/${rangeLayer.size}`);
    expect(answer.headers["content-length"]).toBe(String(to - from));
    expect(answer.headers["accept-ranges"]).toBe("bytes");
    expect(bytesDigest(answer.body)).toBe(bytesDigest(layerBytes.subarray(from, to)));
  };

  it.for(rangeCases)(
    "answers $range of a cold layer with 206 and exactly those bytes",
    async (each) => {
      onTestFailed(() => console.error(fleet.lastWords()));
      await expectRange(each.range, each.slice(layerBytes));
    },
  );

  it("answers 416 with the length for a range behind the end", async () => {
    const answer = await curl(layerUrl, { args: ["-H", `Range: bytes=${rangeLayer.size}-`] });
    expect(answer.status).toBe(416);
    expect(answer.headers["content-range"]).toBe(`bytes */${rangeLayer.size}`);
  });

  it("is copied whole, both platforms of it, by skopeo", async () => {
    onTestFailed(() => console.error(fleet.lastWords()));
    await using copy = await TemporaryDirectory.create("copy");
    await mustRun({
      command: "skopeo",
      args: [
        ..."--insecure-policy copy --all --preserve-digests --src-tls-verify=false".split(" "),
        `docker://${fleet.node(0).mirrorAuthority}/team/app:v1`,
        `oci:${copy.join("image")}:v1`,
      ],
      timeoutMs: 150_000,
    });
    await expectWholeImage(copy.join("image"), image);
  });

  it("is copied by skopeo through a mirror entry of registries.conf", async () => {
    onTestFailed(() => console.error(fleet.lastWords()));
    await using copy = await TemporaryDirectory.create("copy");
    const configuration = copy.join("registries.conf");
    await writeFile(
      configuration,
      registriesConf(registry.authority, fleet.node(1).mirrorAuthority),
    );
    await mustRun({
      command: "skopeo",
      args: [
        "--registries-conf",
        configuration,
        ..."--insecure-policy copy --all --preserve-digests --src-tls-verify=false".split(" "),
        `docker://${registry.authority}/team/app:v1`,
        `oci:${copy.join("image")}:v1`,
      ],
      timeoutMs: 150_000,
    });
    await expectWholeImage(copy.join("image"), image);
  });

  it("costs the registry one request for each blob after all of that, and no byte twice", async () => {
    const counts = blobGets(await registry.log.records());
    const blobs = new Set(
      [...blobsOf(image.own), ...blobsOf(image.other)].map((blob) => blob.digest),
    );
    // One byte tells the length of the layer that parts are read of first; the rest comes by three requests.
    const once = [...blobs].map((digest): [string, number] => [
      digest,
      digest === rangeLayer.digest ? 4 : 1,
    ]);
    expect(Object.fromEntries(counts)).toEqual(Object.fromEntries(once));
    const layer = (await registry.log.records()).filter(({ path }) =>
      path.includes(rangeLayer.digest),
    );
    expect(layer.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(rangeLayer.size + 1);
  });

  it("answers ranges of the warm layer in the same way", async () => {
    for (const { range, slice } of rangeCases) await expectRange(range, slice(layerBytes));
  });
});

async function expectWholeImage(layoutPath: string, image: BuiltImage): Promise<void> {
  const manifests = [image.index, image.own.manifest, image.other.manifest];
  const blobs = [...blobsOf(image.own), ...blobsOf(image.other)];
  const expected = new Set([...manifests, ...blobs].map((descriptor) => descriptor.digest));
  const folder = join(layoutPath, "blobs", "sha256");
  const names = await readdir(folder);
  expect(new Set(names.map((name) => `sha256:${name}`))).toEqual(expected);
  for (const name of names) expect(await fileDigest(join(folder, name))).toBe(`sha256:${name}`);
}

function registriesConf(registry: string, mirror: string): string {
  return `
[[registry]]
location = "${registry}"
insecure = true
[[registry.mirror]]
location = "${mirror}"
insecure = true
`;
}
