import { describe, expect, it } from "vitest";

import { FLEET_PROFILES } from "../fleet/profiles.ts";
import { reportPage } from "./report-page.ts";
import { everyKind, fleetSample, loadSample } from "./results-fixture.ts";

const NONE = { fleet: [], load: [], transfer: [] };

describe("the report", () => {
  it("is the same for the same results, and asks the network for nothing", () => {
    const page = reportPage(everyKind());
    expect(page).toBe(reportPage(everyKind()));
    expect(page).not.toMatch(/\b(?:src|href)="(?!data:,")|url\(|@import|<script|https?:/);
  });

  it("shows every profile and every bench", () => {
    const page = reportPage(everyKind());
    for (const { name } of FLEET_PROFILES) expect(page).toContain(`>${name}</text>`);
    expect(page.match(/<svg /g)?.length).toBe(1 + 8 + 1 + 2 + 2 + 1 + 4 + 2);
    expect(page).toContain("memory, 10,000 idle nodes");
    expect(page).toContain("2 cores of A Processor (x64)");
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
  });

  it("shows the newest result of each kind, and older ones in the history only", () => {
    const page = reportPage({
      ...NONE,
      fleet: [
        { file: "a.json", result: fleetSample({ commit: "1".repeat(40), lastSeconds: 9.87 }) },
        { file: "b.json", result: fleetSample({ commit: "2".repeat(40), lastSeconds: 5.43 }) },
      ],
    });
    expect(page).toContain("5.43 s</text>");
    expect(page).not.toContain("9.87 s</text>");
    expect(page).toContain(">1111111</text>");
  });

  it("tells which aims are not reached", () => {
    const page = reportPage({ ...NONE, load: [{ file: "load.json", result: loadSample() }] });
    expect(page.match(/<rect class="bar missed"/g)).toHaveLength(1);
    expect(page.match(/<rect class="bar reached"/g)).toHaveLength(7);
  });

  it("says what to run where there is nothing", () => {
    const page = reportPage(NONE);
    expect(page).toContain("npm run bench:fleet -- --profile all --save");
    expect(page).not.toContain("<svg");
  });
});
