import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";

import { Nginx } from "../../test/harness/nginx.ts";
import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { makeContent } from "./bench-content.ts";
import { BenchProcess } from "../frame/bench-process.ts";
import type { BenchStage, Measurement, RowName } from "./bench-rows.ts";
import { measureRow } from "./bench-rows.ts";
import type { FetchAnswer, FetchRequest } from "./fetching-process.ts";
import type { StreamingFigures } from "./streaming-bench.ts";
import { runStreamingBench } from "./streaming-bench.ts";
import type { ServeAnswer, ServeRequest } from "./serving-process.ts";

/** What is measured, checked. */
export interface TransferBenchOptions {
  readonly lengthBytes: number;
  readonly pieceLengthBytes: number;
  readonly rounds: number;
  readonly rows: readonly RowName[];
  readonly seed: number;
  readonly isStreamed: boolean;
}

/** What the bench gives. */
export interface TransferOutcome {
  readonly measurements: Measurements;
  readonly streaming: readonly StreamingFigures[];
}

/** Every measurement of each row, in the order of the rounds. */
export type Measurements = ReadonlyMap<RowName, readonly Measurement[]>;

/** Measures the rows in turn, once in every round. */
export async function runTransferBench(
  options: TransferBenchOptions,
  say: (sentence: string) => void,
  signal: AbortSignal,
): Promise<TransferOutcome> {
  await using stack = new AsyncDisposableStack();
  const stage = await setStage(options, stack, say, signal);
  const measurements = new Map(options.rows.map((row): [RowName, Measurement[]] => [row, []]));
  // The first round, in which programs and files are not warm yet, does not count.
  for (let round = 0; round <= options.rounds; round++) {
    for (const row of turned(options.rows, round)) {
      const place = join(stage.workDir, `${round}-${options.rows.indexOf(row)}`);
      await mkdir(place, { recursive: true });
      const measurement = await measureRow(row, stage, place, signal);
      await rm(place, { recursive: true, force: true });
      const rate = Math.round(options.lengthBytes / measurement.seconds / 1e6);
      say(`round ${round} of ${options.rounds}: ${row} ${rate} MB/s`);
      if (round > 0) measurements.get(row)!.push(measurement);
    }
  }
  const scene = {
    directory: join(stage.workDir, "..", "www"),
    blobPath: stage.nginx.filePath,
    rounds: options.rounds,
  };
  const streaming = options.isStreamed ? await runStreamingBench(scene, say, signal) : [];
  return { measurements, streaming };
}

async function setStage(
  options: TransferBenchOptions,
  stack: AsyncDisposableStack,
  say: (sentence: string) => void,
  signal: AbortSignal,
): Promise<BenchStage> {
  const directory = stack.use(await TemporaryDirectory.create("transfer"));
  say("making the content");
  // Under the path of a blob, so that nginx can stand for a registry. Its name is known only afterwards.
  const blobs = directory.join("www", "v2", "bench", "content", "blobs");
  await mkdir(blobs, { recursive: true });
  const content = await makeContent(join(blobs, "content"), options);
  const path = join(blobs, content.digest);
  await rename(content.path, path);
  const named = { ...content, path };
  const nginx = stack.use(await Nginx.start({ directory: directory.join("www") }));
  const serving = stack.use(
    new BenchProcess<ServeRequest, ServeAnswer>(join(import.meta.dirname, "serving-process.ts")),
  );
  const fetching = stack.use(
    new BenchProcess<FetchRequest, FetchAnswer>(join(import.meta.dirname, "fetching-process.ts")),
  );
  const served = await serving.ask({ dataDir: directory.join("serving"), content: named }, signal);
  return {
    content: named,
    workDir: directory.join("runs"),
    nginx: {
      pid: nginx.pid,
      port: Number(nginx.authority.split(":")[1]),
      filePath: `/v2/bench/content/blobs/${content.digest}`,
    },
    serving: { pid: serving.pid, ...served },
    fetching,
  };
}

/** The rows of a round begin one further on than those of the round before. */
function turned(rows: readonly RowName[], round: number): readonly RowName[] {
  const first = round % rows.length;
  return [...rows.slice(first), ...rows.slice(0, first)];
}
