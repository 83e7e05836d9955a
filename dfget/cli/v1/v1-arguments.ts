import { configOptions } from "../../../platform/config-option.ts";
import { EXIT, UserError } from "../../../platform/user-error.ts";
import { similarWord } from "../../../platform/similar-word.ts";
import { parseV1Rate, parseV1Time } from "./v1-quantity.ts";
import { dfgetConfigSchema } from "../../config.ts";
import { parseV1Nodes } from "./v1-nodes.ts";

/** What becomes of a flag of dfget of Dragonfly 1. */
export interface V1Flag {
  readonly flag: string;
  readonly short?: string;
  readonly takesValue: boolean;
  /** The arguments in our words. Throws UserError (usage). */
  readonly toArguments: (value: string) => readonly string[];
  /** For the page of the documentation: what it has become. */
  readonly meaning: string;
}

const NONE: readonly string[] = [];

/** Every flag that dfget of Dragonfly 1 had. */
export const V1_FLAGS: readonly V1Flag[] = [
  text("url", "u", (value) => ["--", value], "the URL, which needs no flag"),
  text("output", "o", (value) => [`--output=${value}`], "`--output`"),
  text("locallimit", "s", (value) => rate("locallimit", value), "`--limit-rate`"),
  text(
    "minrate",
    undefined,
    (value) => checked(rate("minrate", value)),
    "nothing: a slow sender is recognised by comparison",
  ),
  text(
    "totallimit",
    undefined,
    (value) => checked(rate("totallimit", value)),
    "nothing: the daemon has limits for all downloads of a node",
  ),
  text("timeout", "e", (value) => [`--timeout=${time(value)}`], "`--timeout`"),
  text("exceed", undefined, (value) => [`--timeout=${time(value)}`], "`--timeout`"),
  text("md5", "m", (value) => [`--digest=md5:${value}`], "`--digest md5:...`"),
  text(
    "identifier",
    "i",
    (value) => [`--tag=${value}`],
    "`--tag`; left out where `--md5` is given",
  ),
  text("callsystem", undefined, () => NONE, "nothing: it was a label"),
  text("cacerts", undefined, (value) => [`--cacert=${value}`], "`--cacert`"),
  text("pattern", "p", pattern, "`--direct` for `source`; nothing for `p2p` and `cdn`"),
  text(
    "filter",
    "f",
    (value) =>
      value
        .split("&")
        .filter(Boolean)
        .map((name) => `--filter=${name}`),
    "`--filter`, once for each name between `&`",
  ),
  text("header", undefined, (value) => [`--header=${value}`], "`--header`"),
  text(
    "node",
    "n",
    (value) => parseV1Nodes(value).map((url) => `--supernode=${url}`),
    "`--supernode`, the heaviest first",
  ),
  text("clientqueue", undefined, () => NONE, "nothing"),
  text("home", undefined, (value) => [`--data-dir=${value}`], "`--data-dir`"),
  text("ip", undefined, () => NONE, "nothing: see `--listen` and `--advertise` of `dfget daemon`"),
  text("port", undefined, () => NONE, "nothing: see `--listen` of `dfget daemon`"),
  text(
    "expiretime",
    undefined,
    () => NONE,
    "nothing: what is kept is bounded by `--disk-quota` of `dfget daemon`",
  ),
  text("alivetime", undefined, (value) => [`--idle-exit=${time(value)}`], "`--idle-exit`"),
  flag("notbs", undefined, ["--no-back-source"], "`--no-back-source`"),
  flag("dfdaemon", undefined, NONE, "nothing: it was a label"),
  flag("insecure", undefined, ["--insecure"], "`--insecure`"),
  flag("showbar", "b", NONE, "nothing: progress is shown on every terminal"),
  flag("console", undefined, ["--console"], "`--console`"),
  flag("verbose", undefined, NONE, "nothing"),
];

/** Our long flags whose value may be the next word. */
const OURS_WITH_VALUE = new Set([
  "config",
  ...configOptions(dfgetConfigSchema)
    .filter(({ kind }) => kind !== "boolean")
    .map(({ flag: name }) => name),
]);

function text(
  name: string,
  short: string | undefined,
  toArguments: (value: string) => readonly string[],
  meaning: string,
): V1Flag {
  return {
    flag: name,
    takesValue: true,
    toArguments,
    meaning,
    ...(short === undefined ? {} : { short }),
  };
}

function flag(
  name: string,
  short: string | undefined,
  ours: readonly string[],
  meaning: string,
): V1Flag {
  const toArguments = (): readonly string[] => ours;
  return {
    flag: name,
    takesValue: false,
    toArguments,
    meaning,
    ...(short === undefined ? {} : { short }),
  };
}

function rate(name: string, value: string): readonly string[] {
  const bytesPerSecond = parseV1Rate(value);
  if (bytesPerSecond === undefined) throw bad(`--${name} must be a rate such as 20M`, value);
  return [`--limit-rate=${bytesPerSecond}`];
}

function checked(_checked: readonly string[]): readonly string[] {
  return NONE;
}

function time(value: string): string {
  const timeMs = parseV1Time(value);
  if (timeMs === undefined)
    throw bad("a time must be a number of seconds or have units, such as 1m30s", value);
  return `${timeMs}ms`;
}

function pattern(value: string): readonly string[] {
  if (value === "source") return ["--direct"];
  if (value === "p2p" || value === "cdn") return NONE;
  throw bad("--pattern must be p2p, cdn or source", value);
}

/** Whether a command line is written as dfget of Dragonfly 1 wanted it: the URL has a flag. */
export function isV1CommandLine(argv: readonly string[]): boolean {
  return argv.some((word) => /^(?:-u|--url)(?:=|$)/.test(word) || /^-u\w+:\/\//.test(word));
}

/**
 * Puts a command line of dfget of Dragonfly 1 into our words. Long flags of ours may stand between those. Throws
 * UserError (usage).
 */
export function translateV1Arguments(argv: readonly string[]): string[] {
  const flags: string[] = [];
  const operands: string[] = [];
  let hasDigest = false;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    const found = flagOf(word);
    if (!found) {
      if (word.startsWith("-") && !word.startsWith("--")) throw unknown(word);
      (word.startsWith("--") ? flags : operands).push(word);
      const isAlone = word.startsWith("--") && OURS_WITH_VALUE.has(word.slice(2));
      if (isAlone && i + 1 < argv.length) flags.push(argv[++i]!);
      continue;
    }
    const { known, inline } = found;
    if (!known.takesValue) {
      if (inline === undefined || inline === "true") flags.push(...known.toArguments(""));
      continue;
    }
    const value = inline ?? argv[++i];
    if (value === undefined)
      throw new UserError(EXIT.usage, `--${known.flag} has no value; see dfget --help`);
    hasDigest ||= known.flag === "md5";
    const [first, ...others] = known.toArguments(value);
    if (first === "--") operands.push(...others);
    else if (first !== undefined) flags.push(first, ...others);
  }
  // An identifier told files apart that have no md5.
  const kept = hasDigest ? flags.filter((word) => !word.startsWith("--tag=")) : flags;
  return [...kept, "--", ...operands];
}

/** The flag that a word is, and the value in the same word. */
function flagOf(word: string): { known: V1Flag; inline: string | undefined } | undefined {
  const long = /^--([a-z0-9-]+)(?:=(.*))?$/s.exec(word);
  if (long) {
    const known = V1_FLAGS.find(({ flag: name }) => name === long[1]);
    return known && { known, inline: long[2] };
  }
  const short = /^-([a-z])(?:=?(.*))$/s.exec(word);
  const known = short && V1_FLAGS.find((each) => each.short === short[1]);
  if (!known) return undefined;
  return { known, inline: short[2] === "" ? undefined : short[2] };
}

function unknown(word: string): UserError {
  const meant = similarWord(
    word.replace(/^-+/, ""),
    V1_FLAGS.map(({ flag: name }) => name),
  );
  const hint = meant === undefined ? "" : `; did you mean --${meant}?`;
  return new UserError(EXIT.usage, `unknown option '${word}'${hint}; see dfget --help`);
}

function bad(must: string, value: string): UserError {
  return new UserError(EXIT.usage, `${must}, not ${JSON.stringify(value)}`);
}
