import type { BenchContent } from "./bench-content.ts";
import type { BenchProcess } from "../frame/bench-process.ts";
import { runClient } from "./client-run.ts";
import type { FetchAnswer, FetchRequest } from "./fetching-process.ts";
import { watchProcesses } from "./process-use.ts";
import { measureProxy } from "./proxy-row.ts";

/** The rows, in the order in which they are shown. */
export const ROW_NAMES = [
  "darter>darter",
  "darter>curl",
  "nginx>darter",
  "nginx>curl",
  "nginx>aria2c",
  "nginx>aria2c+sha256",
  "proxy>curl",
] as const;

export type RowName = (typeof ROW_NAMES)[number];

/** One measurement. */
export interface Measurement {
  readonly seconds: number;
  readonly serverCpuSeconds: number;
  readonly clientCpuSeconds: number;
  /** Of the end that is ours; of both together where both are, of the client where none is. */
  readonly peakRssBytes: number;
  readonly loopDelayMsP99?: number;
  /** CPU seconds of each process of a row with several. */
  readonly processes?: Readonly<Record<string, number>>;
}

/** What the rows run on. */
export interface BenchStage {
  readonly content: BenchContent;
  /** Where files of single runs go. */
  readonly workDir: string;
  readonly nginx: { readonly pid: number; readonly port: number; readonly filePath: string };
  readonly serving: { readonly pid: number; readonly port: number; readonly publicKey: string };
  readonly fetching: BenchProcess<FetchRequest, FetchAnswer>;
}

const CONNECTIONS = 8;

/** Measures one row once; what it writes goes into `place`, which the caller removes. */
export async function measureRow(
  row: RowName,
  stage: BenchStage,
  place: string,
  signal: AbortSignal,
): Promise<Measurement> {
  const { nginx, serving, content } = stage;
  switch (row) {
    case "darter>darter":
      return await ours(stage, place, serving, undefined, signal);
    case "nginx>darter":
      return await ours(stage, place, nginx, nginx.filePath, signal);
    case "darter>curl":
      return await theirs(serving, "curl", piecesOf(content, serving.port), signal);
    case "nginx>curl":
      return await theirs(nginx, "curl", whole(nginx), signal);
    case "nginx>aria2c":
      return await theirs(nginx, "aria2c", aria2(nginx, place), signal);
    case "nginx>aria2c+sha256":
      return await theirs(
        nginx,
        "aria2c",
        [`--checksum=sha-256=${content.digest.slice("sha256:".length)}`, ...aria2(nginx, place)],
        signal,
      );
    case "proxy>curl":
      return await measureProxy(stage, signal);
    default:
      throw new TypeError(`there is no row ${String(row satisfies never)}`);
  }
}

async function ours(
  { fetching, content }: BenchStage,
  dataDir: string,
  server: { readonly pid: number; readonly port: number; readonly publicKey?: string },
  filePath: string | undefined,
  signal: AbortSignal,
): Promise<Measurement> {
  const serverUse = await watchProcesses([server.pid]);
  const clientUse = await watchProcesses([fetching.pid]);
  const { port, publicKey } = server;
  const answer = await fetching.ask(
    { dataDir, content, port, filePath, publicKey, pieces: CONNECTIONS },
    signal,
  );
  if (answer.error !== undefined) throw new Error(answer.error);
  const served = await serverUse();
  const fetched = await clientUse();
  return {
    seconds: answer.seconds,
    serverCpuSeconds: served.cpuSeconds,
    clientCpuSeconds: answer.cpuSeconds,
    peakRssBytes: fetched.peakRssBytes + (filePath === undefined ? served.peakRssBytes : 0),
    loopDelayMsP99: answer.loopDelayMsP99,
  };
}

async function theirs(
  server: { readonly pid: number; readonly publicKey?: string },
  command: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<Measurement> {
  const serverUse = await watchProcesses([server.pid]);
  const run = await runClient(command, args, signal);
  const served = await serverUse();
  return {
    seconds: run.seconds,
    serverCpuSeconds: served.cpuSeconds,
    clientCpuSeconds: run.cpuSeconds,
    peakRssBytes: server.publicKey === undefined ? run.peakRssBytes : served.peakRssBytes,
  };
}

/** Each piece of the content, over one kept-alive connection. */
function piecesOf({ digest, pieceSha256s }: BenchContent, port: number): readonly string[] {
  const range = `[0-${pieceSha256s.length - 1}]`;
  return ["-sSf", "-o", "/dev/null", `http://127.0.0.1:${port}/pieces/${digest}/${range}`];
}

function whole({ port, filePath }: BenchStage["nginx"]): readonly string[] {
  return ["-sSf", "-o", "/dev/null", `http://127.0.0.1:${port}${filePath}`];
}

/** As fast as it can: nothing is allocated before, nothing is said. */
function aria2({ port, filePath }: BenchStage["nginx"], place: string): readonly string[] {
  return [
    "--no-conf",
    "-q",
    `-x${CONNECTIONS}`,
    `-s${CONNECTIONS}`,
    "--file-allocation=none",
    "-d",
    place,
    "-o",
    "file",
    `http://127.0.0.1:${port}${filePath}`,
  ];
}
