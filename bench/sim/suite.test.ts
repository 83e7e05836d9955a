import { describe, expect, it } from "vitest";
import { simulate } from "../../test/simulation/outcome.ts";
import { defaultScenario, MIB, type Scenario } from "../../test/simulation/scenario.ts";
import { runCase, suiteTable } from "./suite.ts";
import { suiteCases } from "./targets.ts";

const scenario: Scenario = {
  ...defaultScenario,
  peers: 5,
  tasks: [{ sizeBytes: 4 * MIB, pieceBytes: MIB }],
};

describe("the suite", () => {
  it("holds figures against targets, and shows those without", () => {
    const result = runCase({
      name: "a small one",
      scenario,
      isCompared: true,
      targets: [
        { figure: "ratio", most: 100 },
        { figure: "seed_ratio", most: 0.5 },
        { figure: "disturbed_ratio", most: 1 },
        { figure: "last_s", most: undefined },
      ],
    });
    expect(result.rows.map((row) => row.isReached)).toEqual([true, false, true, true]);
    const table = suiteTable(result);
    expect(table).toMatch(/ratio +\S+ +at most 100 +reached/);
    expect(table).toMatch(/seed_ratio +\S+ +at most 0\.5 +NOT REACHED/);
  });

  it("misses every target of a run that fails, and says how it failed", () => {
    const targets = [{ figure: "ratio", most: 100 }];
    const result = runCase({ name: "too short", scenario: { ...scenario, limitMs: 1 }, targets });
    expect(result.rows).toMatchObject([{ value: null, isReached: false }]);
    expect(suiteTable(result)).toContain("5 live peers had not finished");
  });

  it("has only targets for figures that there are", () => {
    const figures = [...Object.keys(simulate(scenario)), "disturbed_ratio"];
    for (const { targets } of [...suiteCases(true), ...suiteCases(false)]) {
      for (const { figure } of targets) expect(figures).toContain(figure);
    }
  });
});
