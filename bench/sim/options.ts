import { parseArgs } from "node:util";
import { imageScenario } from "../../test/simulation/image-workload.ts";
import {
  defaultScenario,
  noFaults,
  type Faults,
  type Scenario,
} from "../../test/simulation/scenario.ts";
import { PIECE_COUNT_MAX } from "../../protocol/limits.ts";
import { options, switches } from "./option-table.ts";

/** What is wrong with the command line, as a sentence. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What the command line asks for. */
export interface Request {
  readonly isHelp: boolean;
  readonly isJson: boolean;
  readonly isCompared: boolean;
  readonly scenario: Scenario;
  /** Instead of the scenario: drawn ones. */
  readonly seeds: { readonly first: number; readonly count: number } | undefined;
  /** Instead of the scenario: so many peers in the scheduler. */
  readonly scalePeers: number | undefined;
  /** Instead of the scenario: all that have targets. */
  readonly suite: "full" | "quick" | undefined;
}

/** Reads the command line. Throws UsageError with a sentence that names the option. */
export function readOptions(args: readonly string[]): Request {
  const values = new Values(parse(args));
  refuseContradictions(values);
  const suite = values.text("suite");
  if (suite !== "" && suite !== "full" && suite !== "quick") {
    throw new UsageError(`--suite is "${suite}", but must be quick or nothing.`);
  }
  const seeds = { first: values.number("from", 0, 2 ** 32), count: values.count("seeds") };
  return {
    isHelp: values.has("help"),
    isJson: values.has("json"),
    isCompared: values.has("compare"),
    scenario: readScenario(values),
    seeds: values.isGiven("seeds") ? seeds : undefined,
    scalePeers: values.isGiven("scale") ? values.count("scale") : undefined,
    suite: suite === "" ? undefined : suite,
  };
}

/** Options that say nothing without another one, or beside it. */
const NEEDED: readonly (readonly [string, string])[] = [
  ["zone-mbit", "zones"],
  ["oversubscription", "zones"],
  ["far-latency-ms", "zones"],
  ["layer", "images"],
  ["pulls-max", "images"],
  ["from", "seeds"],
  ["supernode-returns", "supernode-dies"],
];
const EXCLUSIVE: readonly (readonly string[])[] = [
  ["seeds", "scale", "suite"],
  ["images", "size"],
  ["zone-mbit", "oversubscription"],
];

function refuseContradictions(values: Values): void {
  for (const [option, needed] of NEEDED) {
    if (!values.isGiven(option) || values.isGiven(needed)) continue;
    throw new UsageError(`--${option} needs --${needed}. See --help.`);
  }
  for (const options of EXCLUSIVE) {
    const [first, second] = options.filter((option) => values.isGiven(option));
    if (second === undefined) continue;
    throw new UsageError(`--${first} and --${second} exclude each other. See --help.`);
  }
}

function readScenario(values: Values): Scenario {
  const slots = values.count("slots");
  const latencyMs = values.number("latency-ms");
  const scenario: Scenario = {
    ...defaultScenario,
    seed: values.number("seed", 0, 2 ** 32),
    ...readWorkload(values),
    ...readLinks(values),
    latencyMs,
    farLatencyMs: values.isGiven("far-latency-ms")
      ? values.number("far-latency-ms")
      : 2 * latencyMs,
    controlMs: values.number("control-ms"),
    requestMs: values.number("request-ms"),
    verifyMsPerMib: values.number("verify-ms"),
    connectMs: values.number("connect-ms"),
    queueMs: values.number("queue-ms"),
    pieceMs: values.number("piece-ms"),
    isPaced: values.yes("paced"),
    faults: readFaults(values),
    limitMs: 1000 * values.number("limit-s", 1),
    isStrict: !values.has("lenient"),
    measuresCpu: true,
    swarm: {
      uploadSlots: slots,
      downloadSlots: slots,
      haveDelayMs: values.number("have-delay-ms"),
      windowPieces: values.count("window-pieces"),
    },
    scheduler: { degree: values.count("degree") },
  };
  return scenario;
}

function readWorkload(values: Values): Partial<Scenario> {
  const pieceBytes = values.bytes("piece");
  const sizes = values.text("size").split(",");
  const peers = values.count("peers");
  const staggerMs = values.number("stagger-ms");
  const hasReaders = values.yes("readers");
  const tasks = sizes.map((size) => ({ sizeBytes: bytes("size", size), pieceBytes }));
  const pieces = Math.max(...tasks.map(({ sizeBytes }) => Math.ceil(sizeBytes / pieceBytes)));
  if (pieces > PIECE_COUNT_MAX) {
    throw new UsageError(`--piece makes more than ${PIECE_COUNT_MAX} pieces of --size.`);
  }
  if (!values.isGiven("images")) return { peers, tasks, staggerMs, hasReaders };
  const { pulls, tasks: layers } = imageScenario({
    seed: values.number("seed", 0, 2 ** 32),
    images: values.count("images"),
    hosts: peers,
    spreadMs: staggerMs,
    pullsMax: values.count("pulls-max"),
    layerBytes: values.bytes("layer"),
  });
  return { peers, pulls, tasks: layers, hasReaders: true };
}

function readLinks(values: Values): Partial<Scenario> {
  const zones = values.count("zones");
  const mbit = values.rate("mbit");
  const factor = values.number("oversubscription", 0.001);
  const together = (Math.ceil(values.count("peers") / zones) * mbit) / factor;
  return {
    mbit,
    seedMbit: values.rate("seed-mbit"),
    originMbit: values.rate("origin-mbit"),
    zones,
    zoneMbit: values.isGiven("oversubscription") ? together : values.rate("zone-mbit"),
  };
}

function readFaults(values: Values): Faults {
  return {
    ...noFaults,
    deaths: values.share("deaths"),
    silentDeaths: values.share("silent-deaths"),
    slow: values.share("slow"),
    slowFactor: values.number("slow-factor", 0.001, 1),
    stallers: values.share("stallers"),
    stallChance: values.share("stall-chance"),
    corrupters: values.share("corrupters"),
    supernodeDies: values.number("supernode-dies"),
    supernodeReturns: values.number("supernode-returns"),
    originFails: values.share("origin-fails"),
  };
}

/** The values of options, given or default, each read as what it must be. */
class Values {
  readonly #given: Record<string, unknown>;

  constructor(given: Record<string, unknown>) {
    this.#given = given;
  }

  has(name: string): boolean {
    return this.#given[name] === true;
  }

  isGiven(name: string): boolean {
    return this.#given[name] !== undefined;
  }

  text(name: string): string {
    const value = this.#given[name];
    return typeof value === "string" ? value : options[name]!.value;
  }

  /** Infinity for an option without default that is not given. */
  number(name: string, low = 0, high = Infinity): number {
    const value = this.text(name);
    if (value === "" && options[name]!.value === "") return Infinity;
    const parsed = Number(value);
    if (value !== "" && parsed >= low && parsed <= high) return parsed;
    const range = high === Infinity ? `of at least ${low}` : `from ${low} to ${high}`;
    throw new UsageError(`--${name} is "${value}", but must be a number ${range}.`);
  }

  count(name: string): number {
    const value = this.number(name, 1, 1e6);
    if (Number.isInteger(value) || !this.isGiven(name)) return value;
    throw new UsageError(`--${name} is "${this.text(name)}", but must be a whole number.`);
  }

  rate(name: string): number {
    return this.number(name, 0.001);
  }

  share(name: string): number {
    return this.number(name, 0, 1);
  }

  bytes(name: string): number {
    return bytes(name, this.text(name));
  }

  yes(name: string): boolean {
    const value = this.text(name);
    if (value === "yes" || value === "no") return value === "yes";
    throw new UsageError(`--${name} is "${value}", but must be yes or no.`);
  }
}

function parse(args: readonly string[]): Record<string, unknown> {
  const known = Object.keys(options).map((name) => [name, { type: "string" as const }] as const);
  const off = Object.keys(switches).map((name) => [name, { type: "boolean" as const }] as const);
  try {
    const { values } = parseArgs({
      args: withSuiteValue(args),
      options: { ...Object.fromEntries(known), ...Object.fromEntries(off) },
    });
    return values;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split(". ")[0] : String(error);
    throw new UsageError(`${reason}. See --help.`);
  }
}

/** `--suite` alone means the full one. */
function withSuiteValue(args: readonly string[]): string[] {
  return args.flatMap((arg, i) => {
    const next = args[i + 1];
    return arg === "--suite" && (next === undefined || next.startsWith("--"))
      ? [arg, "full"]
      : [arg];
  });
}

function bytes(name: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB)?$/.exec(text.trim());
  const units = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
  const value = Math.ceil(Number(match?.[1]) * units[(match?.[2] ?? "B") as keyof typeof units]);
  if (match !== null && value > 0) return value;
  throw new UsageError(`--${name} is "${text}", but must be a size such as 256KiB, 1MiB or 1GiB.`);
}
