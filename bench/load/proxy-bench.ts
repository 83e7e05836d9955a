import { freePort } from "../../test/harness/free-port.ts";
import type { BenchRun } from "../frame/bench-program.ts";
import type { LoadBenchOptions } from "./bench-options.ts";
import type { Route, RoutesOutcome } from "./http-bench.ts";
import { measureRoutes } from "./http-bench.ts";
import type { LoadStage } from "./load-bench.ts";
import type { ProxyFigures, RouteFigures } from "./load-figures.ts";
import { LoadOrigin } from "./load-origin.ts";
import { ServerUnderTest } from "./server-under-test.ts";

const MIB = 1024 * 1024;
const SMALL_BLOB_BYTES = 4096;
const LARGE_BLOB_BYTES = 64 * MIB;
const LARGE_BLOB_BYTES_QUICK = 16 * MIB;
const LAYERS = 20;
/** Contents of each kind that nobody has asked for. */
const COLD_SMALL = 50;
const COLD_LARGE = 5;
const COLD_QUICK = 2;
/** The end of a blob is held back until all of it was proven; this part is not there. */
const RANGE = `bytes=${8 * MIB}-${9 * MIB - 1}`;

/** Asks a registry-proxy, with the supernode and the registry behind it, for what pulls are made of. */
export async function measureProxy(
  { supernode, origin, directory }: LoadStage,
  options: LoadBenchOptions,
  run: BenchRun,
): Promise<RoutesOutcome> {
  const authority = `127.0.0.1:${await freePort()}`;
  const peerAuthority = `127.0.0.1:${await freePort()}`;
  await using proxy = await ServerUnderTest.start("registry-proxy", authority, {
    args: [
      "--listen",
      authority,
      "--peer-listen",
      peerAuthority,
      "--advertise",
      peerAuthority,
      "--supernode",
      supernode.url,
      "--upstream",
      `http://${origin.authority}`,
      "--data-dir",
      directory.join("proxy"),
      "--socket",
      directory.join("dfget.sock"),
      "--allow-origin",
      origin.authority,
    ],
    logPath: directory.join("proxy.log"),
    signal: run.signal,
  });
  const routes = proxyRoutes(origin, options);
  return await measureRoutes({ name: "proxy", program: proxy }, routes, options, run);
}

/** The figures by which the proxy is judged, of its routes. */
export function proxyFigures(routes: readonly RouteFigures[]): ProxyFigures {
  const warm = (name: string): RouteFigures => {
    const found = routes.find(
      ({ server, route, state }) => server === "proxy" && route === name && state === "warm",
    );
    if (found === undefined) throw new Error(`the proxy was not asked for ${name}`);
    return found;
  };
  return {
    manifest_rps: warm("manifest").rps,
    manifest_p99_ms: warm("manifest").p99_ms,
    blob_rps: warm("blob of 4 KiB").rps,
    blob_p99_ms: warm("blob of 4 KiB").p99_ms,
    range_mb_per_s: warm("range of 1 MiB").mb_per_s,
  };
}

function proxyRoutes(origin: LoadOrigin, { seed, isQuick }: LoadBenchOptions): readonly Route[] {
  const [small, large] = isQuick ? [COLD_QUICK, COLD_QUICK] : [COLD_SMALL, COLD_LARGE];
  const largeBytes = isQuick ? LARGE_BLOB_BYTES_QUICK : LARGE_BLOB_BYTES;
  const many = (count: number, name: (index: number) => string): string[] =>
    Array.from({ length: count }, (_, index) => name(index));
  const manifests = many(small, (index) =>
    LoadOrigin.path("manifests", origin.addManifest(`v${seed}-${index}`, LAYERS)),
  );
  const tags = many(small, (index) => LoadOrigin.path("manifests", `v${seed}-${index}`));
  const blobs = many(small, (index) =>
    LoadOrigin.path("blobs", origin.addBlob(`small ${seed} ${index}`, SMALL_BLOB_BYTES)),
  );
  const layers = many(large, (index) =>
    LoadOrigin.path("blobs", origin.addBlob(`large ${seed} ${index}`, largeBytes)),
  );
  const plain = { headers: {}, status: 200 };
  const route = (name: string, paths: readonly string[]): Route => ({
    ...plain,
    route: name,
    coldPaths: paths,
    warmPath: paths[0]!,
  });
  return [
    // With a credential the ping is answered by 200, and without one by a challenge.
    {
      ...plain,
      route: "ping",
      coldPaths: [],
      warmPath: "/v2/",
      headers: { authorization: "Basic bG9hZDo=" },
    },
    route("manifest", manifests),
    route("manifest by tag", tags),
    route("blob of 4 KiB", blobs),
    { ...route("range of 1 MiB", layers), headers: { range: RANGE }, status: 206, isBulk: true },
    { ...plain, route: "404", coldPaths: [], warmPath: "/v2/load/content/none", status: 404 },
  ];
}
