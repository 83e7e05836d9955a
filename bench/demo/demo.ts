import { formatByteCount, formatDuration } from "../../platform/quantity.ts";
import { startFleet } from "../../test/harness/fleet.ts";
import type { BuiltImage } from "../../test/harness/image.ts";
import { OWN_ARCHITECTURE, blobsOf } from "../../test/harness/image.ts";
import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { brokenPromises } from "./demo-checks.ts";
import type { ClientKind } from "./demo-clients.ts";
import { pullAtOnce } from "./demo-clients.ts";
import { buildDemoImage, pulledBytes } from "./demo-image.ts";
import { DemoRegistry } from "./demo-registry.ts";
import type { RegistryFigures } from "./demo-registry.ts";
import { resultText } from "./demo-table.ts";
import type { DemoResult } from "./demo-table.ts";
import { withLiveProgress } from "./live-progress.ts";
import type { ProgressStream } from "./live-progress.ts";
import type { ImagePlace } from "./pull-client.ts";

export interface DemoOptions {
  readonly client: ClientKind;
  readonly nodeCount: number;
  /** What the registry's line carries, for all together. */
  readonly bytesPerSecond: number;
}

/** The demo did not keep what it promises; the lines say where. */
export class DemoFailure extends Error {
  override readonly name = "DemoFailure";
}

/**
 * Runs the whole demo on loopback and writes what it does and what came of it. Everything that it
 * started is gone when it returns, however it ends. Throws DemoFailure when a promise was broken.
 */
export async function runDemo(
  options: DemoOptions,
  stream: ProgressStream,
  signal: AbortSignal,
): Promise<void> {
  const say = (line: string): unknown => stream.write(`${line}\n`);
  const { nodeCount } = options;
  await using image = await step(stream, "building the image", signal, buildDemoImage);
  await using registry = await DemoRegistry.start(image, options.bytesPerSecond);
  await using directory = await TemporaryDirectory.create("demo");
  const imageBytes = pulledBytes(image);
  say(
    `  ${blobsOf(image.own).length - 1} layers, ${formatByteCount(imageBytes)}, ` +
      `in a registry whose line carries ${options.bytesPerSecond / 1e6} MB/s`,
  );

  const direct = Array.from({ length: nodeCount }, () => placeAt(registry.authority));
  const directMs = await step(
    stream,
    `${nodeCount} pulls at once straight from the registry, by ${clientName(options.client)}`,
    signal,
    async () => await pullAtOnce(options.client, direct, directory.join("direct"), signal),
  );
  const directFigures = registry.takeFigures();

  await using fleet = await step(
    stream,
    `starting a supernode and ${nodeCount} registry-proxies`,
    signal,
    async () =>
      await startFleet({
        nodeProgram: "registry-proxy",
        nodeCount,
        upstreams: [`http://${registry.authority}`],
        allowOrigins: ["127.0.0.1"],
      }),
  );
  say(`the same ${nodeCount} pulls at once through the proxies`);
  const places = fleet.nodes.map(({ mirrorAuthority }) => placeAt(mirrorAuthority));
  const pulls = pullAtOnce(options.client, places, directory.join("mirrored"), signal);
  const received = async () => await fleet.received();
  const durationsMs = await withLiveProgress(stream, imageBytes, received, pulls).catch(
    (error: unknown) => {
      throw signal.aborted ? error : new Error(`${String(error)}\n${fleet.lastWords()}`);
    },
  );
  const totals = await fleet.received();
  const figures = registry.takeFigures();
  report(
    {
      nodes: totals.map((received, i) => ({ received, durationMs: durationsMs[i] ?? NaN })),
      directMs,
      directSentBytes: directFigures.sentBytes,
      sentBytes: figures.sentBytes,
      imageBytes,
    },
    figures,
    image,
    say,
  );
}

function report(
  result: DemoResult,
  figures: RegistryFigures,
  image: BuiltImage,
  say: (line: string) => unknown,
): void {
  say(`\n${resultText(result)}\n`);
  const blobs = blobsOf(image.own);
  const broken = brokenPromises(result, figures, blobs);
  if (broken.length > 0) throw new DemoFailure(broken.join("\n"));
  say(
    `The registry was asked once for each of the ${blobs.length} blobs, whoever and however many pulled; every digest was checked.`,
  );
}

/** Announces a part of the demo, does it, and says how long it took. */
async function step<T>(
  stream: ProgressStream,
  what: string,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  stream.write(`${what} ...`);
  const startMs = performance.now();
  try {
    const result = await work();
    stream.write(` ${formatDuration(performance.now() - startMs)}\n`);
    return result;
  } catch (error) {
    stream.write("\n");
    throw error;
  }
}

function placeAt(authority: string): ImagePlace {
  return { authority, repository: "demo/app", tag: "1", architecture: OWN_ARCHITECTURE };
}

function clientName(client: ClientKind): string {
  return client === "skopeo" ? "skopeo" : "the built-in client";
}
