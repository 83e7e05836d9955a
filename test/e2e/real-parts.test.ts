import { expect, it } from "vitest";
import { smallImage } from "../fixtures/acceptance-image.ts";
import { blobGets } from "../harness/access-log.ts";
import { Containerd } from "../harness/containerd.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { blobsOf, buildImage } from "../harness/image.ts";
import { Network } from "../harness/network.ts";
import { Nginx } from "../harness/nginx.ts";
import { Registry } from "../harness/registry.ts";
import { uploadImage } from "../harness/registry-upload.ts";
import { mustRun } from "../harness/run-command.ts";
import { writeSeededFile } from "../harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";

// When these fail, the machine or the harness is at fault and the other end-to-end tests say nothing.
describeWhere(
  [
    "namespaces",
    "containerd",
    "ctr",
    "runc",
    "docker-registry",
    "nginx",
    "curl",
    "ip",
    "tc",
    "nsenter",
  ],
  "the real programs by themselves",
  () => {
    it("pull an image from the registry into containerd on another host, and run it", async () => {
      await using network = await Network.create({ hostCount: 2 });
      await using image = await buildImage({ ...smallImage("real parts"), prints: "it runs" });
      await using registry = await Registry.start({ host: network.host(0) });
      await uploadImage(image, registry.url, "team/app", "v1");
      await registry.log.forget();
      await using containerd = await Containerd.start({ host: network.host(1) });
      const reference = `${registry.authority}/team/app:v1`;
      await containerd.pull({ image: reference });
      const expected = [image.index, image.own.manifest, ...blobsOf(image.own)].map(
        (d) => d.digest,
      );
      expect(await containerd.verifyContent()).toEqual(expected.sort());
      expect((await containerd.run(reference)).trim()).toBe("it runs");
      const records = await registry.log.records();
      expect([...blobGets(records).values()]).toEqual(blobsOf(image.own).map(() => 1));
      expect(new Set(records.map((record) => record.remoteAddress))).toEqual(
        new Set([network.host(1).address]),
      );
      await containerd.removeImage(reference);
    });

    it("send a file between shaped hosts at the rate of the link, and log what was sent", async () => {
      const [lengthBytes, rateMbitPerSecond] = [20_000_000, 100];
      await using network = await Network.create({
        hostCount: 2,
        rateMbitPerSecond: () => rateMbitPerSecond,
      });
      await using files = await TemporaryDirectory.create("files");
      await writeSeededFile(files.join("file"), "real parts", lengthBytes);
      await using nginx = await Nginx.start({ directory: files.path, host: network.host(0) });
      const seconds = await mustRun({
        command: "curl",
        args: ["-sS", "-o", "/dev/null", "-w", "%{time_total}", `${nginx.url}/file`],
        networkNamespace: network.host(1).networkNamespace,
      });
      const idealSeconds = (lengthBytes * 8) / (rateMbitPerSecond * 1e6);
      expect(Number(seconds)).toBeGreaterThan(0.9 * idealSeconds);
      // A busy machine may be slower; a link without a rate takes a tenth.
      expect(Number(seconds)).toBeLessThan(3 * idealSeconds);
      const [record] = await nginx.log.records();
      expect(record).toMatchObject({
        path: "/file",
        method: "GET",
        status: 200,
        bytes: lengthBytes,
      });
      const { received } = await network.linkBytes(network.host(1));
      expect(received).toBeGreaterThan(lengthBytes);
      expect(received).toBeLessThan(1.1 * lengthBytes);
    });
  },
);
