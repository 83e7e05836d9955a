import { defaultScenario, MIB, noFaults, type Faults, type Scenario } from "./scenario.ts";
import { seededRandom } from "./seeded-random.ts";

/** A small scenario with everything drawn from the seed: sizes, links, zones, and faults. */
export function drawnScenario(seed: number): Scenario {
  const random = seededRandom(seed ^ 0x5eed);
  const between = (low: number, high: number): number => low + (high - low) * random();
  const sometimes = (chance: number, high: number): number =>
    random() < chance ? high * random() : 0;
  const tasks = Array.from({ length: random() < 0.3 ? 3 : 1 }, () => {
    const pieceBytes = [MIB / 4, MIB / 2, MIB][Math.floor(random() * 3)]!;
    return { sizeBytes: Math.ceil(between(0.1, 40) * MIB), pieceBytes };
  });
  const supernodeDies = random() < 0.4 ? random() : Infinity;
  const isBack = supernodeDies !== Infinity && random() < 0.6;
  const faults: Faults = {
    ...noFaults,
    deaths: sometimes(0.4, 0.3),
    silentDeaths: sometimes(0.3, 0.3),
    slow: sometimes(0.3, 0.3),
    slowFactor: between(0.05, 0.5),
    stallers: sometimes(0.3, 0.2),
    stallChance: between(0.05, 0.5),
    corrupters: sometimes(0.3, 0.2),
    supernodeDies,
    supernodeReturns: isBack ? supernodeDies + between(0.1, 2) : Infinity,
    originFails: sometimes(0.3, 0.5),
  };
  const zones = random() < 0.3 ? 2 + Math.floor(random() * 4) : 1;
  const mbit = between(50, 2000);
  const peers = 1 + Math.floor(between(0, 7) ** 2);
  return {
    ...defaultScenario,
    seed,
    peers,
    tasks,
    mbit,
    seedMbit: mbit * between(0.3, 5),
    originMbit: mbit * between(0.2, 10),
    zones,
    zoneMbit: zones > 1 ? mbit * between(1, 10) : Infinity,
    isPaced: random() < 0.5,
    latencyMs: between(0.1, 5),
    farLatencyMs: between(0.5, 20),
    controlMs: between(0.5, 20),
    staggerMs: random() < 0.4 ? between(0, 5000) : 0,
    hasReaders: random() < 0.4,
    faults,
  };
}
