import { EXIT, UserError } from "../../platform/user-error.ts";
import type { FleetBenchConfig } from "./bench-config.ts";

const MIB = 1024 * 1024;

/** A situation that clusters meet, as defaults of the bench's options. What the user gives wins. */
export interface FleetProfile {
  readonly name: string;
  /** What happens, in a few words. */
  readonly title: string;
  /** The real situation that it stands for, in a paragraph. */
  readonly situation: string;
  readonly settings: Partial<FleetBenchConfig>;
}

/** Every profile, in the order in which `--profile all` runs them. */
export const FLEET_PROFILES: readonly FleetProfile[] = [
  {
    name: "burst",
    title: "all hosts pull one image at the same moment",
    situation:
      "A deployment is scaled up, or a node pool comes back after maintenance: every host wants the same image in the same second, and none of them holds any of it. This is what brings a registry down, because it sends every layer to everybody. Three layers of 24, 6 and 2 MiB.",
    settings: { sizes: ["24MiB,6MiB,2MiB"] },
  },
  {
    name: "rolling",
    title: "hosts pull one after another, as a rolling update goes",
    situation:
      "A rolling update replaces pods a few at a time, so the hosts begin at moments spread over 15 seconds. Whoever comes later should find the image at the neighbours that came before, and the registry should not notice how many there are.",
    settings: { sizes: ["16MiB,6MiB,2MiB"], stagger: 15_000 },
  },
  {
    name: "churn",
    title: "two of the hosts die in the middle",
    situation:
      "Spot instances are taken away and machines are drained while others still pull from them. Two of the hosts are killed without a word when a third and two thirds of all bytes have arrived; the others must not wait long for what those two had promised, and must not fetch anything twice from the registry.",
    settings: { sizes: ["32MiB"], kill: ["node:2@33%", "node:5@66%"] },
  },
  {
    name: "small-layers",
    title: "an image of many small layers",
    situation:
      "Interpreted languages and careful Dockerfiles give images of dozens of layers, most of them small: a few kilobytes of settings, some hundred of code, a few megabytes of packages. Here latency and the cost of each request count and not the width of the line. 40 layers of 4 KiB to 2 MiB.",
    settings: { sizes: [smallLayers()] },
  },
  {
    name: "big-model",
    title: "one large file",
    situation:
      "The weights of a model, or an image with one huge layer, must be on every host before the service starts. Nothing helps but the width of the lines: the file should take hardly longer to all hosts than to one. 64 MiB over links of 80 Mbit/s take as long as 10 GB over links of 12 Gbit/s.",
    settings: { size: 64 * MIB },
  },
  {
    name: "zones",
    title: "two zones behind a narrow line each",
    situation:
      "The hosts stand in two availability zones or sites, and what crosses between them is slow or is paid for. Each zone's line carries as much as two of its four hosts could take, so the content should cross it about once and be spread behind it.",
    settings: { sizes: ["24MiB"], zones: 2, zoneMbit: 160 },
  },
  {
    name: "lazy",
    title: "containers that read their image while they run",
    situation:
      "Lazy snapshotters (stargz, SOCI, Nydus, overlaybd) start a container at once and read what it touches through the mirror, in ranges that jump about in a large layer. The same container starts on every host, so the hosts read the same places at nearly the same time. What counts is how long each read takes. 96 reads of 128 KiB of a layer of 48 MiB, four at a time on each host, through registry-proxy.",
    settings: { size: 48 * MIB, reads: 96, readSize: 128 * 1024 },
  },
  {
    name: "warm-update",
    title: "a new version that shares most of its layers with the one that is there",
    situation:
      "Version 2 of an image is rolled out where version 1 runs: the base and the packages are the same, the application has changed. Every host asks for all layers of version 2, as builders and tools without a store of their own do; the shared ones must come from its own disk without a word to anybody, and only the changed ones are spread. 26 MiB are shared and 6 MiB are new; the direct pull fetches only what is new, as a runtime would.",
    settings: { sizes: ["5MiB,1MiB"], held: ["18MiB,6MiB,2MiB"] },
  },
];

/**
 * The profiles of these names, each once; `all` stands for every one. Throws UserError (usage) when there is no such
 * profile.
 */
export function profilesOf(names: readonly string[]): readonly FleetProfile[] {
  const wanted = names.flatMap((text) => text.split(",")).map((name) => name.trim());
  const known = FLEET_PROFILES.map(({ name }) => name);
  for (const name of wanted) {
    if (name === "all" || known.includes(name)) continue;
    throw new UserError(
      EXIT.usage,
      `--profile must be all or one of ${known.join(", ")}, not ${JSON.stringify(name)}; see npm run bench:fleet -- --help`,
    );
  }
  return FLEET_PROFILES.filter(({ name }) => wanted.includes("all") || wanted.includes(name));
}

function smallLayers(): string {
  const each: readonly (readonly [number, string])[] = [
    [12, "4KiB"],
    [10, "40KiB"],
    [10, "160KiB"],
    [5, "512KiB"],
    [3, "2MiB"],
  ];
  return each.flatMap(([count, size]) => Array.from({ length: count }, () => size)).join(",");
}
