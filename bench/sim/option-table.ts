interface Option {
  /** Default; empty for none. */
  readonly value: string;
  readonly text: string;
}

/** The options that take a value. */
export const options: Readonly<Record<string, Option>> = {
  peers: { value: "100", text: "peers that fetch" },
  size: { value: "1GiB", text: "bytes of the task (KiB, MiB, GiB), or several with commas" },
  piece: { value: "1MiB", text: "bytes of a piece" },
  mbit: { value: "1000", text: "link of each peer, each way, in Mbit/s" },
  "seed-mbit": { value: "1000", text: "uplink of the seed" },
  "origin-mbit": { value: "100000", text: "uplink of the origin" },
  zones: { value: "1", text: "zones, peers dealt evenly" },
  "zone-mbit": { value: "", text: "link of each zone, each way; unlimited if not given" },
  oversubscription: { value: "", text: "or this many times less than its peers' links together" },
  "latency-ms": { value: "0.25", text: "one way between peers" },
  "far-latency-ms": {
    value: "",
    text: "between peers of different zones; twice that if not given",
  },
  "control-ms": { value: "1", text: "one way to the supernode" },
  "request-ms": { value: "0.1", text: "what a piece request takes beside" },
  "verify-ms": { value: "0.5", text: "what checking a MiB takes" },
  "connect-ms": { value: "0", text: "what connecting two neighbours takes beside a round trip" },
  "queue-ms": { value: "0", text: "what a message waits at most behind data, at each end" },
  "piece-ms": { value: "0", text: "what a host's only processor needs for a piece, sent or got" },
  "stagger-ms": { value: "0", text: "peers arrive, or pulls of images begin, over this time" },
  readers: { value: "no", text: "yes: every peer is read in order meanwhile" },
  images: { value: "", text: "instead of one task, pulls of so many images of 5 to 10 layers" },
  layer: { value: "8MiB", text: "with --images: the median layer" },
  "pulls-max": { value: "2", text: "with --images: each peer pulls from one to so many" },
  paced: { value: "yes", text: "no: servers send all their pieces at once, each more slowly" },
  deaths: { value: "0", text: "share of peers that die, sockets closing" },
  "silent-deaths": { value: "0", text: "share of peers that fall silent" },
  slow: { value: "0", text: "share of peers with --slow-factor of the link" },
  "slow-factor": { value: "0.2", text: "speed of slow peers" },
  stallers: { value: "0", text: "share of peers that stall in some of their uploads" },
  "stall-chance": { value: "0.2", text: "in this share of them" },
  corrupters: { value: "0", text: "share of peers that send only corrupt pieces" },
  "supernode-dies": { value: "", text: "when, as a share of the bound" },
  "supernode-returns": { value: "", text: "when, as a share of the bound" },
  "origin-fails": { value: "0", text: "share of peers' reads of the origin that fail" },
  slots: { value: "6", text: "upload and download slots of a peer" },
  degree: { value: "24", text: "neighbours of a peer, about" },
  "have-delay-ms": {
    value: "2",
    text: "how long new pieces are collected before they are announced",
  },
  "window-pieces": { value: "256", text: "pieces among which the rarest is chosen" },
  "limit-s": { value: "600", text: "virtual seconds after which a run has failed" },
  seed: { value: "1", text: "seed of all random numbers" },
  seeds: { value: "", text: "instead: so many scenarios drawn from seeds, with all faults" },
  from: { value: "1", text: "with --seeds: the first" },
  scale: { value: "", text: "instead: so many peers in one task of the scheduler alone" },
  suite: { value: "", text: "instead: all scenarios with targets; quick: smaller ones" },
};

/** The options that take none. */
export const switches: Readonly<Record<string, string>> = {
  compare: "run without faults as well and print disturbed_ratio",
  lenient: "count harmless breaches of invariants, and go on",
  json: "print one JSON object and nothing else",
  help: "print this",
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
  ...Object.entries(switches).map(([name, text]) => `  --${name.padEnd(19)} ${text}`),
].join("\n");
