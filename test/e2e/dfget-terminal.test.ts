/* oxlint-disable no-control-regex -- what is drawn on a terminal is control characters */
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import { describeWhere } from "../harness/describe-where.ts";
import { FaultyOrigin } from "../harness/faulty-origin.ts";
import { startFleet, type Fleet } from "../harness/fleet.ts";
import { seededBytes } from "../harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";
import { Terminal } from "../harness/terminal.ts";

const MAIN = join(import.meta.dirname, "..", "..", "dfget", "main.ts");
const CONTENT = seededBytes("terminal", 4_000_000);
/** Of the files of a tree, those that the origin gives before what is drawn was looked at. */
const TREE_FREE = 12;
/** A running file: its percent, and where its bytes come from. */
const RUNNING = /^\S+ +\d+% .*MiB/;

describeWhere(["tmux"], "dfget in a terminal", () => {
  const resources = new AsyncDisposableStack();
  let origin: FaultyOrigin;
  let fleet: Fleet;
  let home: TemporaryDirectory;
  let allowedBytes = 0;
  let isTreeHeld = true;

  beforeAll(async () => {
    origin = resources.use(await FaultyOrigin.start());
    const paced = { rateBytesPerSecond: 1_000_000 };
    for (const name of ["one", "four"]) {
      origin.serve(`/${name}.bin`, { content: CONTENT, etag: '"1"', faults: paced });
    }
    const held = { holdAtByte: () => allowedBytes };
    for (const name of ["two", "three"]) {
      origin.serve(`/${name}.bin`, { content: CONTENT, etag: '"1"', faults: held });
    }
    for (const name of ["shard-0001-of-9999.model", "shard-0002-of-9999.model"]) {
      origin.serve(`/${name}.bin`, { content: CONTENT, etag: '"1"', faults: paced });
    }
    const names = Array.from({ length: 20 }, (_, index) => `file-${index}.bin`);
    const page = `<html><title>Index of /tree/</title>${names.map((name) => `<a href="${name}">x</a>`).join("")}</html>`;
    origin.serve("/tree/", { content: Buffer.from(page) });
    for (const [index, name] of names.entries()) {
      const faults = index < TREE_FREE ? {} : { holdAtByte: () => (isTreeHeld ? 0 : Infinity) };
      origin.serve(`/tree/${name}`, { content: CONTENT.subarray(0, 100_000), faults });
    }
    fleet = await startFleet({ nodeProgram: "dfget", nodeCount: 1, allowOrigins: ["127.0.0.1"] });
    resources.use(fleet);
    home = resources.use(await TemporaryDirectory.create("terminal"));
  });

  afterAll(() => resources.disposeAsync());

  async function start(names: readonly string[], columns: number, flags = ""): Promise<Terminal> {
    const urls = names.map((name) => `${origin.url}/${name}.bin`).join(" ");
    const places = `-o ${home.path}/ --socket ${fleet.node(0).socketPath}`;
    const command = `${process.execPath} ${MAIN} ${urls} ${places} ${flags}`;
    const terminal = await Terminal.start(home, command, { columns, rows: 24 });
    onTestFailed(async () => console.error((await terminal.screen().catch(String)).toString()));
    return terminal;
  }

  it("draws one line that fits into 80 columns and goes away at the end", async () => {
    await using terminal = await start(["one"], 80);
    const running = (await terminal.until(/^one\.bin .*ETA/, "a rate")).filter(Boolean);
    expect(running).toHaveLength(1);
    expect(running[0]).toMatch(/^one\.bin +\d+% +\[#*\.*\] .*MiB +.*\/s +ETA \d+:\d\d/);
    expect(running[0]!.length).toBeLessThan(80);
    const ended = (await terminal.until(/^ended 0/, "the end")).filter(Boolean);
    expect(ended).toHaveLength(2);
    expect(ended[0]).toMatch(/^one\.bin: 3\.8 MiB in \d+\.\d s \(.*\/s\), seed 100%$/);
    expect((await terminal.screen({ hasColours: true })).join("\n")).toContain("\u001b[32m3.8 MiB");
  });

  it("draws a line for each file, also while the terminal changes its size, and leaves nothing of them", async () => {
    // The origin waits while the size changes: what is drawn in that very moment may be left behind in any terminal.
    allowedBytes = 400_000;
    await using terminal = await start(["two", "three"], 200, "--color never --direct");
    await terminal.until(/^three\.bin +11% +\[[#.]{30}\]/, "a bar of its full width");
    const wide = (await terminal.screen()).filter(Boolean);
    expect(wide.filter((row) => RUNNING.test(row))).toHaveLength(2);
    for (const columns of [60, 100, 40, 120]) {
      await terminal.resize(columns, 24);
      allowedBytes += 800_000;
      // The origin sends slices of 64 KiB.
      const sentBytes = Math.ceil(allowedBytes / 65_536) * 65_536;
      const percent = Math.floor((100 * sentBytes) / CONTENT.length);
      const rows = await terminal.until(
        new RegExp(`^three\\.bin +${percent}%`),
        `${percent} percent`,
      );
      expect(rows.every((row) => row.length < columns)).toBe(true);
    }
    allowedBytes = Infinity;
    const ended = (await terminal.until(/^ended 0/, "the end")).filter(Boolean);
    expect(ended.filter((row) => RUNNING.test(row))).toEqual([]);
    expect(ended.map((row) => row.split(" ")[0]!).sort()).toEqual([
      "2",
      "ended",
      "three.bin:",
      "two.bin:",
    ]);
    expect((await terminal.screen({ hasColours: true })).join("\n")).not.toContain("\u001b[32m");
  });

  it("lines up the files, with names that tell them apart", async () => {
    await using board = await start(
      ["shard-0001-of-9999.model", "shard-0002-of-9999.model"],
      80,
      "--direct",
    );
    const isRunning = /^shard-0002\S* +\d+% .*ETA/;
    const rows = (await board.until(isRunning, "both files")).filter((row) => RUNNING.test(row));
    expect(new Set(rows.map((row) => /^shard-000(\d)/.exec(row)?.[1]))).toEqual(
      new Set(["1", "2"]),
    );
    const places = rows.map((row) => ["%", "MiB  ", "/s", "ETA"].map((word) => row.indexOf(word)));
    expect(places[1]).toEqual(places[0]);
    await board.press("C-c");
    await board.until(/^ended 11/, "the end");
  });

  it("lets a tree of many files not scroll away", async () => {
    await using tree = await start([], 80, `-r ${origin.url}/tree/ -j 4 --direct`);
    await tree.until(/^12 of 20 files .*MiB .*\/s +origin 100%/, "a line for all");
    isTreeHeld = false;
    const ended = (await tree.until(/^ended 0/, "the end")).filter(Boolean);
    expect(ended).toHaveLength(2);
    expect(ended[0]).toMatch(/^20 files, 1\.9 MiB in .* origin 100%$/);
  });

  it("says at Ctrl-C that the same command goes on", async () => {
    await using terminal = await start(["four"], 80);
    await terminal.until(/^four\.bin +[1-9]\d?%/, "a percent");
    await terminal.press("C-c");
    const rows = (await terminal.until(/^ended 11/, "the end")).filter(Boolean);
    expect(rows.join(" ")).toMatch(
      /dfget: interrupted; what has arrived is kept, so the same command goes on/,
    );
    expect(rows.filter((row) => RUNNING.test(row))).toEqual([]);
  });
});
