import { describe, expect, it } from "vitest";

import { UserError } from "../../platform/user-error.ts";
import { benchRequestOf } from "./bench-plan.ts";
import type { BenchPlan } from "./bench-plan.ts";
import { pieceTotal, wantedBytesOf } from "./bench-options.ts";
import { profilesText } from "./profile-text.ts";
import { FLEET_PROFILES } from "./profiles.ts";

const MIB = 1024 * 1024;

function plans(...argv: string[]): readonly BenchPlan[] {
  return benchRequestOf({ argv, env: {} }).plans;
}

function plan(...argv: string[]): BenchPlan {
  const [only, ...others] = plans(...argv);
  if (only === undefined || others.length > 0) throw new Error("there is not one plan");
  return only;
}

describe("what the fleet bench is asked for", () => {
  it("is one plan without a profile where none is named", () => {
    expect(plan("--nodes", "3")).toMatchObject({ profile: undefined, options: { nodeCount: 3 } });
  });

  it("is every profile with all, on eight hosts and together small enough for ten minutes", () => {
    const all = plans("--profile", "all");
    expect(all.map(({ profile }) => profile)).toEqual(FLEET_PROFILES);
    expect(all.every(({ options }) => options.nodeCount === 8)).toBe(true);
    // Straight from the origin all hosts share its line; that takes longer than everything else.
    const directBytes = all.map(({ options }) => 8 * wantedBytesOf(options));
    const seconds = directBytes.reduce((sum, bytes) => sum + bytes) / (9.5 * 1e6);
    expect(seconds).toBeLessThan(300);
    expect(Math.max(...all.map(({ options }) => pieceTotal(options)))).toBeLessThan(400);
  });

  it("is several profiles by commas or by repeating, each once, in the order of the list", () => {
    const names = (...argv: string[]) => plans(...argv).map(({ profile }) => profile?.name);
    expect(names("--profile", "zones,burst")).toEqual(["burst", "zones"]);
    expect(names("--profile", "zones", "--profile", "zones", "--profile", "burst")).toEqual([
      "burst",
      "zones",
    ]);
  });

  it("is the profile as it stands", () => {
    expect(plan("--profile", "rolling").options.staggerMs).toBe(15_000);
    expect(plan("--profile", "churn").options.kills).toHaveLength(2);
    expect(plan("--profile", "zones").options).toMatchObject({ zoneCount: 2, zoneMbit: 160 });
    expect(plan("--profile", "small-layers").options.fileLengthsBytes).toHaveLength(40);
    expect(plan("--profile", "lazy").options.reads).toEqual({ count: 96, lengthBytes: 131_072 });
    expect(plan("--profile", "warm-update").options).toMatchObject({
      heldLengthsBytes: [18 * MIB, 6 * MIB, 2 * MIB],
      fileLengthsBytes: [5 * MIB, MIB],
    });
  });

  it("is the profile with what the user gives in its place", () => {
    expect(plan("--profile", "rolling", "--stagger", "2s").options.staggerMs).toBe(2000);
    expect(plan("--profile", "burst", "--size", "1MiB").options.fileLengthsBytes).toEqual([MIB]);
    expect(plan("--profile", "big-model", "--sizes", "1MiB,2MiB").options.fileLengthsBytes).toEqual(
      [MIB, 2 * MIB],
    );
  });

  it.each([
    [["--profile", "brust"], /--profile.*burst.*"brust"/],
    [["--profile", "churn", "--nodes", "3"], /profile churn.*node:5@66%.*0 to 2/],
    [["--profile", "lazy", "--size", "1MiB"], /profile lazy.*8 places.*not 96/],
    [["--reads", "2", "--read-size", "0"], /0 places/],
    [["--reads", "2", "--sizes", "1MiB,1MiB"], /--reads.*--sizes/],
    [["--reads", "2", "--kill", "node:1@50%"], /--kill.*--reads/],
    [["--held", "much"], /--held.*much/],
  ])("is refused: %j", (argv, sentence) => {
    expect(() => plans(...argv)).toThrow(UserError);
    expect(() => plans(...argv)).toThrow(sentence);
  });
});

describe("the profiles", () => {
  it("say in a paragraph which situation they stand for, and --help shows it", () => {
    const shown = profilesText().replaceAll(/\s+/g, " ");
    for (const { name, title, situation } of FLEET_PROFILES) {
      expect(situation.length, name).toBeGreaterThan(150);
      expect(shown).toContain(`${name}: ${title}`);
      expect(shown).toContain(situation);
    }
  });
});
