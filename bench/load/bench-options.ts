import { readFile } from "node:fs/promises";

import { EXIT, UserError } from "../../platform/user-error.ts";
import { NODE_CONNECTIONS_MAX } from "../../supernode/node-gateway.ts";
import type { LoadBenchConfig, Part } from "./bench-config.ts";
import { PARTS } from "./bench-config.ts";

/** What is measured, checked and complete. */
export interface LoadBenchOptions {
  readonly parts: readonly Part[];
  /** Rising. */
  readonly nodeCounts: readonly number[];
  readonly joinsPerSecond: number;
  /** Crowds at that rate, of which the median counts. */
  readonly joinRounds: number;
  readonly rampFromPerSecond: number;
  readonly peerCount: number;
  readonly taskCount: number;
  readonly piecesPerTask: number;
  readonly fillMs: number;
  readonly zoneCount: number;
  readonly windowMs: number;
  readonly connectionCount: number;
  readonly routeMs: number;
  readonly seed: number;
  readonly isQuick: boolean;
}

/** Files that a process has open besides the sockets of nodes. */
const OTHER_FILES = 500;

/** What `--quick` stands for; it goes before other options. */
const QUICK = {
  nodeCounts: [100],
  joinsPerSecond: 200,
  joinRounds: 1,
  rampFromPerSecond: 200,
  peerCount: 40,
  taskCount: 2,
  piecesPerTask: 32,
  fillMs: 1000,
  windowMs: 2000,
  connectionCount: 8,
  routeMs: 300,
} satisfies Partial<LoadBenchOptions>;

/** Checks the options against each other. Throws UserError (usage) with one sentence that names the flag. */
export function loadOptionsOf(config: LoadBenchConfig): LoadBenchOptions {
  const options: LoadBenchOptions = {
    parts: partsOf(config.part),
    nodeCounts: nodeCountsOf(config.nodes),
    joinsPerSecond: config.joinRate,
    joinRounds: config.joinRounds,
    rampFromPerSecond: config.rampFrom,
    peerCount: config.peers,
    taskCount: config.tasks,
    piecesPerTask: config.pieces,
    fillMs: config.fill,
    zoneCount: config.zones,
    windowMs: config.window,
    connectionCount: config.connections,
    routeMs: config.routeTime,
    seed: config.seed,
    isQuick: config.quick,
    ...(config.quick ? QUICK : {}),
  };
  if (options.taskCount > options.peerCount) {
    throw usage("--tasks must not be more than --peers");
  }
  return options;
}

/** The most sockets of nodes that the bench has open at once. */
export function socketsMax({ parts, nodeCounts, peerCount }: LoadBenchOptions): number {
  const isCrowd = parts.some((part) => part === "idle" || part === "joins" || part === "ramp");
  return Math.max(isCrowd ? nodeCounts.at(-1)! : 0, parts.includes("active") ? peerCount : 0);
}

/** Checks that this machine lets a process open so many sockets. Throws UserError (usage) when it does not, or is no Linux. */
export async function requireLoadMachine(options: LoadBenchOptions): Promise<void> {
  if (process.platform !== "linux") {
    throw new UserError(EXIT.usage, "the load bench reads figures of processes as Linux has them");
  }
  const allowed = openFilesMax(await readFile("/proc/self/limits", "utf8"));
  const sockets = socketsMax(options);
  if (allowed >= sockets + OTHER_FILES) return;
  throw usage(
    `${sockets} nodes need ${sockets + OTHER_FILES} open files in each process and ${allowed} are allowed; raise the hard limit (ulimit -Hn) or ask for fewer by --nodes and --peers`,
  );
}

/** How many files a process may open, from the text of /proc/PID/limits: Node raises its soft limit to the hard one. */
export function openFilesMax(limits: string): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  if (hard === undefined) throw new Error("the limits of the process name no open files");
  return hard === "unlimited" ? Infinity : Number(hard);
}

function partsOf(asked: readonly string[]): readonly Part[] {
  for (const name of asked) {
    if (!PARTS.some((part) => part === name)) {
      throw usage(`--part must be one of ${PARTS.join(", ")}, not ${JSON.stringify(name)}`);
    }
  }
  return asked.length === 0 ? PARTS : PARTS.filter((part) => asked.includes(part));
}

function nodeCountsOf(texts: readonly string[]): readonly number[] {
  const words = texts.flatMap((text) => text.split(","));
  const counts = words.map((word) => {
    const count = /^\s*\d{1,6}\s*$/.test(word) ? Number(word) : 0;
    if (count >= 1 && count <= NODE_CONNECTIONS_MAX) return count;
    throw usage(
      `--nodes must be numbers from 1 to ${NODE_CONNECTIONS_MAX} such as 100,1000, not ${JSON.stringify(word)}`,
    );
  });
  return [...new Set(counts)].sort((a, b) => a - b);
}

function usage(sentence: string): UserError {
  return new UserError(EXIT.usage, `${sentence}; see npm run bench:load -- --help`);
}
