import { parseArgs } from "node:util";
import {
  defaultScenario,
  noFaults,
  type Faults,
  type Scenario,
} from "../../test/simulation/scenario.ts";

/** What is wrong with the command line, as a sentence. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

interface Option {
  readonly value: string;
  readonly text: string;
}

const options: Readonly<Record<string, Option>> = {
  peers: { value: "100", text: "peers that fetch" },
  size: { value: "1GiB", text: "bytes of the task (KiB, MiB, GiB), or several with commas" },
  piece: { value: "1MiB", text: "bytes of a piece" },
  mbit: { value: "1000", text: "link of each peer, each way, in Mbit/s" },
  "seed-mbit": { value: "1000", text: "uplink of the seed" },
  "origin-mbit": { value: "100000", text: "uplink of the origin" },
  zones: { value: "1", text: "zones, peers dealt evenly" },
  "zone-mbit": { value: "", text: "link of each zone, each way; unlimited if not given" },
  "latency-ms": { value: "0.25", text: "one way between peers" },
  "control-ms": { value: "1", text: "one way to the supernode" },
  "stagger-ms": { value: "0", text: "peers arrive over this time" },
  readers: { value: "no", text: "yes: every peer is read in order meanwhile" },
  paced: { value: "yes", text: "no: servers send all their pieces at once, each more slowly" },
  deaths: { value: "0", text: "share of peers that die, sockets closing" },
  "silent-deaths": { value: "0", text: "share of peers that fall silent" },
  slow: { value: "0", text: "share of peers with --slow-factor of the link" },
  "slow-factor": { value: "0.2", text: "speed of slow peers" },
  stallers: { value: "0", text: "share of peers that stall in a fifth of their uploads" },
  corrupters: { value: "0", text: "share of peers that send only corrupt pieces" },
  "supernode-dies": { value: "", text: "when, as a share of the bound" },
  "supernode-returns": { value: "", text: "when, as a share of the bound" },
  slots: { value: "6", text: "upload and download slots of a peer" },
  degree: { value: "24", text: "neighbours of a peer, about" },
  "have-delay-ms": {
    value: "2",
    text: "how long new pieces are collected before they are announced",
  },
  "window-pieces": { value: "256", text: "pieces among which the rarest is chosen" },
  "limit-s": { value: "600", text: "virtual seconds after which a run has failed" },
  seed: { value: "1", text: "seed of all random numbers" },
};

/** The text for `--help`. */
export const help = [
  "Usage: node bench/sim/main.ts [options]",
  "",
  "Simulates a distribution with the real scheduler and swarm modules.",
  "",
  ...Object.entries(options).map(
    ([name, { value, text }]) =>
      `  --${name.padEnd(19)} ${text}${value === "" ? "" : ` (${value})`}`,
  ),
  "  --json                print one JSON object and nothing else",
  "  --help                print this",
].join("\n");

/** What the command line asks for. */
export interface Request {
  readonly isHelp: boolean;
  readonly isJson: boolean;
  readonly scenario: Scenario;
}

/** Reads the command line. Throws UsageError with a sentence that names the option. */
export function readOptions(args: readonly string[]): Request {
  const values = parse(args);
  const text = (name: string): string => {
    const value = values[name];
    return typeof value === "string" ? value : options[name]!.value;
  };
  const number = (name: string, low = 0, high = Infinity): number => {
    const value = text(name);
    if (value === "" && options[name]!.value === "") return Infinity;
    const parsed = Number(value);
    if (value !== "" && parsed >= low && parsed <= high) return parsed;
    const range = high === Infinity ? `of at least ${low}` : `from ${low} to ${high}`;
    throw new UsageError(`--${name} is "${value}", but must be a number ${range}.`);
  };
  const count = (name: string): number => {
    const value = number(name, 1, 1e6);
    if (Number.isInteger(value)) return value;
    throw new UsageError(`--${name} is "${text(name)}", but must be a whole number.`);
  };
  const rate = (name: string): number => number(name, 0.001);
  const share = (name: string): number => number(name, 0, 1);
  const yes = (name: string): boolean => {
    if (text(name) === "yes" || text(name) === "no") return text(name) === "yes";
    throw new UsageError(`--${name} is "${text(name)}", but must be yes or no.`);
  };
  const pieceBytes = bytes("piece", text("piece"));
  const sizes = text("size").split(",");
  const faults: Faults = {
    ...noFaults,
    deaths: share("deaths"),
    silentDeaths: share("silent-deaths"),
    slow: share("slow"),
    slowFactor: number("slow-factor", 0.001, 1),
    stallers: share("stallers"),
    corrupters: share("corrupters"),
    supernodeDies: number("supernode-dies"),
    supernodeReturns: number("supernode-returns"),
  };
  const slots = count("slots");
  const scenario: Scenario = {
    ...defaultScenario,
    seed: number("seed", 0, 2 ** 32),
    peers: count("peers"),
    tasks: sizes.map((size) => ({ sizeBytes: bytes("size", size), pieceBytes })),
    mbit: rate("mbit"),
    seedMbit: rate("seed-mbit"),
    originMbit: rate("origin-mbit"),
    zones: count("zones"),
    zoneMbit: rate("zone-mbit"),
    latencyMs: number("latency-ms"),
    farLatencyMs: 2 * number("latency-ms"),
    controlMs: number("control-ms"),
    staggerMs: number("stagger-ms"),
    isPaced: yes("paced"),
    hasReaders: yes("readers"),
    faults,
    limitMs: 1000 * number("limit-s", 1),
    swarm: {
      uploadSlots: slots,
      downloadSlots: slots,
      haveDelayMs: number("have-delay-ms"),
      windowPieces: count("window-pieces"),
    },
    scheduler: { degree: count("degree") },
  };
  return { isHelp: values["help"] === true, isJson: values["json"] === true, scenario };
}

function parse(args: readonly string[]): Record<string, unknown> {
  const known = Object.keys(options).map((name) => [name, { type: "string" as const }] as const);
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...Object.fromEntries(known),
        json: { type: "boolean" },
        help: { type: "boolean" },
      },
    });
    return values;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split(". ")[0] : String(error);
    throw new UsageError(`${reason}. See --help.`);
  }
}

function bytes(name: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB)?$/.exec(text.trim());
  const units = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
  const value = Math.ceil(Number(match?.[1]) * units[(match?.[2] ?? "B") as keyof typeof units]);
  if (match !== null && value > 0) return value;
  throw new UsageError(`--${name} is "${text}", but must be a size such as 256KiB, 1MiB or 1GiB.`);
}
