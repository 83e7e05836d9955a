import { writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";

import { UserError } from "../../platform/user-error.ts";
import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { RESULTS_DIRECTORY } from "../frame/result-file.ts";
import { readResults } from "./kept-results.ts";
import { fleetSample, loadSample, transferSample } from "./results-fixture.ts";

describe("kept results", () => {
  it("are told apart by what they hold, from old to new", async () => {
    await using directory = await TemporaryDirectory.create("results");
    const write = async (name: string, value: unknown) =>
      await writeFile(directory.join(name), JSON.stringify(value));
    await write("a.json", fleetSample({}));
    await write("b.json", { ...fleetSample({}), measured_at: "2025-01-01T00:00:00Z" });
    await write("c.json", loadSample());
    await write("d.json", transferSample());
    await write("e.json", { something: "else" });
    await write("f.txt", "no result");
    const { fleet, load, transfer } = await readResults(directory.path);
    expect(fleet.map(({ file }) => file)).toEqual(["b.json", "a.json"]);
    expect(load.map(({ file }) => file)).toEqual(["c.json"]);
    expect(transfer.map(({ file }) => file)).toEqual(["d.json"]);
  });

  it("that are no JSON, or nowhere, are an error of the user that names the file", async () => {
    await using directory = await TemporaryDirectory.create("results");
    await writeFile(directory.join("half.json"), '{"bench": "fl');
    await expect(readResults(directory.path)).rejects.toThrow(UserError);
    await expect(readResults(directory.path)).rejects.toThrow("half.json is no result");
    await expect(readResults(directory.join("none"))).rejects.toThrow(UserError);
  });

  it("of this repository can be read", async () => {
    expect((await readResults(RESULTS_DIRECTORY)).transfer.length).toBeGreaterThan(0);
  });
});
