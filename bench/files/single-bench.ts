import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { startFleet } from "../../test/harness/fleet.ts";
import { Nginx } from "../../test/harness/nginx.ts";
import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { seededBytes } from "../../test/harness/seeded-bytes.ts";
import { runCommand } from "../../test/harness/run-command.ts";
import { percentile } from "../fleet/statistics.ts";
import type { FilesBenchOptions } from "./bench-options.ts";
import { BUILT_DFGET } from "./bench-options.ts";

const LENGTHS = [1024, 1024 * 1024];

/** Fetched before the first measured run: the daemon and the supernode are measured as they are when they have run for a while. */
const WARM_UP_FILES = 300;

/** Medians of whole commands that fetch one file, of which the node and the supernode know nothing. */
export interface SingleFigures {
  readonly length_bytes: number;
  readonly curl_ms: number;
  readonly node_ms: number;
  readonly dfget_ms: number;
  readonly dfget_minus_curl_ms: number;
  /** Of a command that has to start the daemon. */
  readonly cold_ms: number;
}

/** Runs each command in turn with the others, each time for a new file. */
export async function runSingleBench(
  options: FilesBenchOptions,
  { say, signal }: { readonly say: (sentence: string) => void; readonly signal: AbortSignal },
): Promise<{ readonly figures: readonly SingleFigures[]; readonly samples: unknown }> {
  await using place = await TemporaryDirectory.create("single");
  await using nginx = await Nginx.start({ directory: place.path });
  await using fleet = await startFleet({
    nodeProgram: "dfget",
    nodeCount: 1,
    isBuilt: true,
    allowOrigins: [nginx.authority],
    signal,
  });
  await warmUp(nginx, fleet.node(0).socketPath, place, options.seed);
  const figures: SingleFigures[] = [];
  const samples: Record<string, unknown> = {};
  for (const lengthBytes of LENGTHS) {
    const times = { curl: [], node: [], dfget: [], cold: [] } as Record<string, number[]>;
    // The first run of each finds nothing in the caches of the machine and does not count.
    for (let run = 0; run <= options.runs; run++) {
      signal.throwIfAborted();
      const name = `${lengthBytes}-${run}`;
      await writeFile(place.join(name), seededBytes(`${options.seed} ${name}`, lengthBytes));
      const url = `http://${nginx.authority}/${name}`;
      const out = place.join("out");
      const { socketPath } = fleet.node(0);
      const commands = {
        curl: ["curl", "-sS", "--fail", "-o", out, url],
        node: [process.execPath, "--eval", ""],
        dfget: [process.execPath, BUILT_DFGET, "-q", "-o", out, "--socket", socketPath, url],
      };
      for (const [kind, words] of Object.entries(commands)) {
        const ms = await timed(words);
        if (run > 0) times[kind]!.push(ms);
      }
      const coldMs = await timedCold(place, { name, url, allowed: nginx.authority });
      if (run > 0) times["cold"]!.push(coldMs);
    }
    const medianMs = (kind: string): number => Number(percentile(times[kind]!, 0.5).toFixed(1));
    const [curl, dfget] = [medianMs("curl"), medianMs("dfget")];
    figures.push({
      length_bytes: lengthBytes,
      curl_ms: curl,
      node_ms: medianMs("node"),
      dfget_ms: dfget,
      dfget_minus_curl_ms: Number((dfget - curl).toFixed(1)),
      cold_ms: medianMs("cold"),
    });
    samples[String(lengthBytes)] = times;
    say(`single, ${lengthBytes} bytes: curl ${curl} ms, dfget ${dfget} ms`);
  }
  return { figures, samples };
}

/** Files one by one, each by a command of its own, as those that are measured. */
async function warmUp(
  { authority }: Nginx,
  socketPath: string,
  place: TemporaryDirectory,
  seed: number,
): Promise<void> {
  for (let index = 0; index < WARM_UP_FILES; index++) {
    const name = `before-${index}`;
    await writeFile(place.join(name), seededBytes(`${seed} ${name}`, 1024 + index));
    const words = ["-q", "-o", place.join("out"), "--socket", socketPath];
    await timed([process.execPath, BUILT_DFGET, ...words, `http://${authority}/${name}`]);
  }
}

/** A command whose node has no daemon; the daemon leaves by itself a moment later. */
async function timedCold(
  place: TemporaryDirectory,
  { name, url, allowed }: { name: string; url: string; allowed: string },
): Promise<number> {
  const dataDir = join(place.path, `cold-${name}`);
  const flags = ["--data-dir", dataDir, "--socket", `${dataDir}.sock`, "--idle-exit", "1ms"];
  const words = ["-q", "-o", place.join("out"), "--allow-origin", allowed, ...flags, url];
  return await timed([process.execPath, BUILT_DFGET, ...words]);
}

async function timed([command = "", ...args]: readonly string[]): Promise<number> {
  const startMs = performance.now();
  const { code, stderr } = await runCommand({ command, args, timeoutMs: 20_000 });
  const ms = performance.now() - startMs;
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} failed: ${stderr}`);
  return ms;
}
