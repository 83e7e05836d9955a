import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

import { EXIT, UserError } from "../../platform/user-error.ts";
import type { BenchReport } from "../fleet/bench-report.ts";
import type { BenchFrame, BenchResult } from "../frame/bench-result.ts";
import type { LoadFigures } from "../load/load-figures.ts";
import type { TransferReport } from "../transfer/bench-report.ts";

export type FleetKept = Kept<BenchReport>;
export type LoadKept = Kept<LoadResult>;
export type TransferKept = Kept<TransferReport & { readonly measured_at?: string }>;

/** What bench:load says; a part that was not measured is null. */
export type LoadResult = BenchResult<LoadFigures>;

/** A result and the name of its file. */
export interface Kept<T> {
  readonly file: string;
  readonly result: T;
}

/** The results of a directory, each kind from the oldest to the newest. */
export interface KeptResults {
  readonly fleet: readonly FleetKept[];
  readonly load: readonly LoadKept[];
  readonly transfer: readonly TransferKept[];
}

/**
 * Reads every result of a directory. Files of other forms are passed over; one that is no JSON, or a directory that
 * cannot be read, is a UserError (localFile).
 */
export async function readResults(directory: string): Promise<KeptResults> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    const reasons: Record<string, string> = {
      ENOENT: "is not there",
      ENOTDIR: "is no directory",
    };
    const reason = reasons[error.code ?? ""] ?? `cannot be read (${error.code})`;
    throw new UserError(EXIT.localFile, `${directory} ${reason}`, error);
  });
  const files = names.filter((name) => name.endsWith(".json")).sort();
  const all = await Promise.all(files.map(async (file) => await readResult(directory, file)));
  return {
    fleet: all.filter(isFleet).sort(byTime),
    load: all.filter(isLoad).sort(byTime),
    transfer: all.filter(isTransfer).sort(byTime),
  };
}

async function readResult(directory: string, file: string): Promise<Kept<object>> {
  const path = join(directory, file);
  try {
    const result: unknown = JSON.parse(await readFile(path, "utf8"));
    return { file, result: typeof result === "object" && result !== null ? result : {} };
  } catch (error) {
    const reason = (error as Error).message;
    throw new UserError(EXIT.localFile, `${path} is no result of a bench: ${reason}`, error);
  }
}

function isFleet(kept: Kept<object>): kept is FleetKept {
  const result = kept.result as Partial<BenchReport>;
  return result.bench === "fleet" && typeof result.ratio === "number" && "samples" in result;
}

function isLoad(kept: Kept<object>): kept is LoadKept {
  return (kept.result as Partial<BenchFrame>).bench === "load";
}

function isTransfer(kept: Kept<object>): kept is TransferKept {
  return Array.isArray((kept.result as Partial<TransferReport>).rows);
}

function byTime(a: Kept<object>, b: Kept<object>): number {
  const [x, y] = [a, b].map(({ result }) => (result as { measured_at?: string }).measured_at ?? "");
  return (x ?? "").localeCompare(y ?? "") || a.file.localeCompare(b.file);
}
