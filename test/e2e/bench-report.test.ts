import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { everyKind } from "../../bench/report/results-fixture.ts";
import { BrowserPage } from "../harness/browser.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { mustRun, runCommand } from "../harness/run-command.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";

const MAIN = join(import.meta.dirname, "..", "..", "bench", "report", "main.ts");
const WIDTH = 1280;

interface PlotLook {
  readonly title: string;
  readonly width: number;
  readonly height: number;
  /** Lines, bars and points that can be seen. */
  readonly drawn: number;
  readonly fontPixels: number;
  /** Pairs of texts that lie over each other. */
  readonly overlaps: readonly string[];
  /** Texts that reach out of the card or the window. */
  readonly outside: readonly string[];
}

const LOOK_AT_PLOTS = `Array.from(document.querySelectorAll("svg.plot"), (svg) => {
  const texts = Array.from(svg.querySelectorAll("text"), (text) => ({ says: text.textContent, box: text.getBoundingClientRect(), size: parseFloat(getComputedStyle(text).fontSize) }));
  const card = svg.closest(".card").getBoundingClientRect();
  const place = svg.getBoundingClientRect();
  const scale = place.width / svg.viewBox.baseVal.width;
  const lies = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3;
  const shapes = Array.from(svg.querySelectorAll(".bar, .line, .dot"));
  return {
    title: svg.getAttribute("aria-label"), width: place.width, height: place.height,
    drawn: shapes.filter((shape) => { const { width, height } = shape.getBoundingClientRect(); return width + height > 1; }).length,
    fontPixels: Math.min(...texts.map(({ size }) => size * scale)),
    overlaps: texts.flatMap((a, i) => texts.slice(i + 1).filter((b) => lies(a.box, b.box)).map((b) => a.says + " / " + b.says)),
    outside: texts.filter(({ box }) => box.left < card.left || box.right > card.right || box.right > innerWidth).map(({ says }) => says),
  };
})`;

describeWhere(["chromium"], "the report of the benches", () => {
  it("shows all plots readably at 1280 px, light and dark, asks for nothing and complains of nothing", async () => {
    await using place = await TemporaryDirectory.create("report");
    await writeResults(place.path);
    const output = place.join("report.html");
    await mustRun({
      command: process.execPath,
      args: [MAIN, "--from", place.path, "--output", output],
    });
    await using page = await BrowserPage.open(pathToFileURL(output).href, {
      width: WIDTH,
      height: 900,
    });
    const plots = await page.evaluate<PlotLook[]>(LOOK_AT_PLOTS);
    expect(plots).toHaveLength(21);
    for (const plot of plots) {
      expect(plot.width, plot.title).toBeGreaterThan(200);
      expect(plot.height, plot.title).toBeGreaterThan(100);
      expect(plot.drawn, plot.title).toBeGreaterThanOrEqual(1);
      expect(plot.fontPixels, plot.title).toBeGreaterThan(10);
      expect(plot.overlaps, plot.title).toEqual([]);
      expect(plot.outside, plot.title).toEqual([]);
    }
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(WIDTH);
    const light = await background(page);
    await page.send("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: "dark" }],
    });
    const dark = await background(page);
    expect(brightness(light)).toBeGreaterThan(200);
    expect(brightness(dark)).toBeLessThan(60);
    expect(page.complaints).toEqual([]);
    expect(page.requests).toEqual([]);
  });

  it("is refused in one line where results are none", async () => {
    await using place = await TemporaryDirectory.create("report");
    await writeFile(place.join("broken.json"), "{");
    const { code, stderr } = await runCommand({
      command: process.execPath,
      args: [MAIN, "--from", place.path],
    });
    expect(code).toBe(8);
    expect(stderr).toMatch(/^bench:report: [^\n]*broken\.json is no result of a bench[^\n]*$/);
  });
});

async function writeResults(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const { fleet, load, transfer } = everyKind();
  for (const { file, result } of [...fleet, ...load, ...transfer]) {
    await writeFile(join(directory, file), JSON.stringify(result));
  }
}

async function background(page: BrowserPage): Promise<string> {
  return await page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
}

function brightness(colour: string): number {
  const parts = [...colour.matchAll(/\d+/g)].map(([digits]) => Number(digits));
  return parts.slice(0, 3).reduce((sum, part) => sum + part / 3, 0);
}
