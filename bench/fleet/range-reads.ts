import { link, mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";

import type { Clock } from "../../platform/clock.ts";
import type { Fleet, FleetNode } from "../../test/harness/fleet.ts";
import { allOrNone } from "./all-or-none.ts";
import type { ReadOptions } from "./bench-options.ts";
import { curlTransfers } from "./curl-transfers.ts";
import type { CurlTransfer } from "./curl-transfers.ts";
import type { NodeOutcome } from "./fleet-downloads.ts";
import { NodeProgress } from "./node-progress.ts";
import type { OriginFile } from "./origin-files.ts";

/** As many reads as a snapshotter has under way. */
export const READS_AT_ONCE = 4;
/** A host reads at most so many places earlier or later than another. */
const WINDOW = 8;

/** A part of the file. */
export interface ReadRange {
  readonly firstByte: number;
  readonly lengthBytes: number;
}

/** Where a file is, as a registry that is a plain directory has it. */
export function blobPath(file: OriginFile): string {
  return `v2/bench/content/blobs/${file.digest}`;
}

/** Lets the origin serve the file as a blob too. */
export async function offerAsBlob(directory: string, file: OriginFile): Promise<void> {
  const path = `${directory}/${blobPath(file)}`;
  await mkdir(dirname(path), { recursive: true });
  await link(`${directory}/${file.name}`, path);
}

/**
 * Which ranges each host reads, in its order: the same different places on all of them, drawn from the whole file, and
 * slightly mixed from host to host.
 */
export function drawReads(
  options: ReadOptions & { readonly fileLengthBytes: number; readonly nodeCount: number },
  random: () => number,
): readonly (readonly ReadRange[])[] {
  const { count, lengthBytes, fileLengthBytes, nodeCount } = options;
  const places = Array.from({ length: Math.floor(fileLengthBytes / lengthBytes) }, (_, i) => i);
  const chosen = shuffled(places, random).slice(0, count);
  return Array.from({ length: nodeCount }, () => {
    const mine: number[] = [];
    for (let from = 0; from < chosen.length; from += WINDOW) {
      mine.push(...shuffled(chosen.slice(from, from + WINDOW), random));
    }
    return mine.map((place) => ({ firstByte: place * lengthBytes, lengthBytes }));
  });
}

/** Lets every node read its ranges through its own mirror, and compares what has come with the file. */
export async function readThroughMirrors(
  fleet: Fleet,
  options: {
    readonly file: OriginFile;
    readonly filePath: string;
    readonly reads: readonly (readonly ReadRange[])[];
    readonly arrivalsMs: readonly number[];
  },
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly NodeOutcome[]> {
  const works = fleet.nodes.map((node) => async (ending: AbortSignal): Promise<NodeOutcome> => {
    const { index } = node;
    const reads = options.reads[index] ?? [];
    const arrivalMs = options.arrivalsMs[index] ?? 0;
    await clock.sleep(arrivalMs, ending);
    const wantedBytes = reads.reduce((total, { lengthBytes }) => total + lengthBytes, 0);
    const progress = new NodeProgress(clock.nowMs(), wantedBytes);
    const transfers = reads.map((range, number) => readOf(node, options.file, range, number));
    const done = await curlTransfers(
      {
        name: `curl on node ${index}`,
        networkNamespace: node.networkNamespace,
        transfers,
        atOnce: READS_AT_ONCE,
        onDone: (one) => {
          progress.arrived(one.endMs, transfers[one.index]?.lengthBytes ?? 0);
          progress.fileEnded(one.endMs);
        },
      },
      clock,
      ending,
    );
    const readSeconds = done.map(({ seconds }) => seconds);
    return { index, arrivalMs, times: progress.times(), readSeconds };
  });
  const outcomes = await allOrNone(works, signal);
  for (const node of fleet.nodes) await compare(node, options);
  return outcomes;
}

function readOf(node: FleetNode, file: OriginFile, range: ReadRange, number: number): CurlTransfer {
  return {
    url: `${node.mirrorUrl}/${blobPath(file)}`,
    range,
    outputPath: outputOf(node, number),
    lengthBytes: range.lengthBytes,
  };
}

async function compare(
  node: FleetNode,
  options: { readonly filePath: string; readonly reads: readonly (readonly ReadRange[])[] },
): Promise<void> {
  await using file = await open(options.filePath);
  for (const [number, { firstByte, lengthBytes }] of (options.reads[node.index] ?? []).entries()) {
    const wanted = Buffer.alloc(lengthBytes);
    await file.read(wanted, 0, lengthBytes, firstByte);
    if (wanted.equals(await readFile(outputOf(node, number)))) continue;
    throw new Error(`node ${node.index} gave wrong bytes at ${firstByte}`);
  }
}

function outputOf(node: FleetNode, number: number): string {
  return `${node.homeDirectory}/read-${number}`;
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  const mixed = [...values];
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [mixed[last], mixed[other]] = [mixed[other] as T, mixed[last] as T];
  }
  return mixed;
}
