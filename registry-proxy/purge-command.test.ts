import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { ManualClock, MirrorFixture } from "./mirror-fixture.ts";
import { runPurge } from "./purge-command.ts";

const TYPE = "application/vnd.oci.image.manifest.v1+json";

describe("registry-proxy purge", () => {
  let mirror: MirrorFixture;
  let printed: string;

  beforeEach(async () => {
    mirror = await MirrorFixture.start({ clock: new ManualClock(), tags: { freshMs: 3_600_000 } });
    printed = "";
    for (const repository of ["team/app", "team/other"]) {
      for (const tag of ["v1", "v2"]) mirror.upstream.manifest(repository, tag, TYPE, `"${tag}"`);
    }
  });
  afterEach(() => mirror[Symbol.asyncDispose]());

  const purge = async (...images: string[]): Promise<void> => {
    const { host, port } = mirror.endpoint;
    const at = ["--mirror", `http://${host}:${port}`];
    await runPurge([...at, ...images], {}, (text) => void (printed += text));
  };
  const statusOf = async (path: string): Promise<number> =>
    (await mirror.ask(`/v2/${path}`, { method: "HEAD" })).status;
  const seeAll = async (): Promise<number[]> => [
    await statusOf("team/app/manifests/v1"),
    await statusOf("team/app/manifests/v2"),
    await statusOf("team/other/manifests/v1"),
  ];
  const goAway = (): void => {
    mirror.upstream.guard = (_request, response) => {
      response.writeHead(503).end();
      return true;
    };
  };

  it("makes the mirror ask for a tag again, and have nothing for it in an outage", async () => {
    expect(await seeAll()).toEqual([200, 200, 200]);
    const askedBefore = mirror.upstream.requests.length;
    expect(await seeAll()).toEqual([200, 200, 200]);
    expect(mirror.upstream.requests).toHaveLength(askedBefore);
    const image = `${mirror.upstream.host}/team/app:v1`;
    await purge(image);
    expect(printed).toBe(`${image}: 1 answers of its registry forgotten\n`);
    goAway();
    expect(await seeAll()).toEqual([502, 200, 200]);
  });

  it("without a tag forgets all of the repository, which may be of the default registry", async () => {
    await seeAll();
    await purge("team/app", "team/none:v1");
    expect(printed).toContain("team/app: 2 answers");
    expect(printed).toContain("team/none:v1: 0 answers");
    goAway();
    expect(await seeAll()).toEqual([502, 502, 200]);
  });

  it("says what is wrong", async () => {
    await expect(purge()).rejects.toThrow("name an image");
    await expect(purge("Team/App")).rejects.toThrow(
      "Team/App was not purged: the repository's name",
    );
    const gone = ["--mirror", "http://127.0.0.1:1", "a"];
    await expect(runPurge(gone, {}, () => undefined)).rejects.toThrow("is registry-proxy running?");
    expect((await mirror.ask("/purge?image=a")).status).toBe(404);
  });
});
