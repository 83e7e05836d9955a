import { defaultScenario, MIB, type Pull, type Scenario, type ScenarioTask } from "./scenario.ts";
import { seededRandom } from "./seeded-random.ts";

const LAYERS_MIN = 5;
const LAYERS_MAX = 10;
const LAYER_MAX_BYTES = 512 * MIB;
/** This share of layers is one that other images have, too. */
const SHARED = 0.3;
const BASES = 8;

/** What is pulled and by whom. */
export interface ImageOptions {
  readonly seed: number;
  readonly images: number;
  readonly hosts: number;
  /** Over how long the pulls begin. */
  readonly spreadMs: number;
  /** A host pulls from one to so many images. */
  readonly pullsMax: number;
  /** The median of layers' sizes; they are spread over two orders of magnitude. */
  readonly layerBytes: number;
}

/**
 * Images of five to ten layers with drawn sizes, some layers shared between images, and hosts that
 * pull one or more of them at random times, three layers at a time, read in order. Some images are
 * pulled far more often than others.
 */
export function imageScenario(options: ImageOptions): Scenario {
  const random = seededRandom(options.seed ^ 0x1a9e5);
  const tasks: ScenarioTask[] = [];
  const addLayer = (): number => {
    const spread = Math.exp(1.2 * (random() + random() + random() - 1.5) * 2);
    const sizeBytes = Math.ceil(Math.min(LAYER_MAX_BYTES, options.layerBytes * spread));
    return tasks.push({ sizeBytes, pieceBytes: sizeBytes < 64 * MIB ? MIB / 4 : MIB }) - 1;
  };
  const bases = Array.from({ length: Math.min(BASES, options.images) }, addLayer);
  const images = Array.from({ length: options.images }, () => {
    const count = LAYERS_MIN + Math.floor(random() * (LAYERS_MAX - LAYERS_MIN + 1));
    const layers = new Set<number>();
    while (layers.size < count) {
      const isShared = random() < SHARED && layers.size < bases.length;
      layers.add(isShared ? bases[Math.floor(random() * bases.length)]! : addLayer());
    }
    return [...layers];
  });
  const drawPull = (): Pull => {
    const image = images[Math.floor(images.length * random() ** 2)]!;
    return { atMs: random() * options.spreadMs, tasks: image };
  };
  const pulls = Array.from({ length: options.hosts }, () =>
    Array.from({ length: 1 + Math.floor(random() * options.pullsMax) }, drawPull),
  );
  return {
    ...defaultScenario,
    seed: options.seed,
    peers: options.hosts,
    tasks,
    pulls,
    hasReaders: true,
  };
}
