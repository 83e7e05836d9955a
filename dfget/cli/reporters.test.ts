/* oxlint-disable no-control-regex -- what is drawn on a terminal is control characters */
import { describe, expect, it } from "vitest";

import { jsonReporter } from "./json-reporter.ts";
import { columnsOf } from "./column-text.ts";
import { paintOf, wantsColour } from "./paint.ts";
import { batchLine, quietReporter, summaryLine, textReporter } from "./text-reporter.ts";

const progress = {
  name: "f",
  writtenBytes: 512,
  lengthBytes: 1024,
  bytesPerSecond: 100.4,
  receivedBytes: { seed: 1, peers: 0, origin: 0 },
};
const summary = {
  taskId: "url:00",
  lengthBytes: 1024,
  durationMs: 2000,
  receivedBytes: { seed: 0, peers: 0, origin: 0 },
};

const file = { name: "f", output: "/x/f" };
const plain = paintOf(false);

class Screen {
  text = "";
  readonly isTTY: boolean;
  columns = 80;

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.text += text;
  }
}

/** A reporter on a screen, with a time that the test sets. */
function reporterOn(screen: Screen, hasColours = false, terminal = "xterm") {
  const time = { nowMs: 0 };
  const paint = paintOf(hasColours);
  const reporter = textReporter({ stream: screen, paint, nowMs: () => time.nowMs, terminal });
  return { reporter, time };
}

describe("reports to a person", () => {
  it("draw one line again and again on a terminal and take it away at the end", () => {
    const screen = new Screen(true);
    const { reporter, time } = reporterOn(screen);
    const reported = reporter.file(file);
    for (time.nowMs of [0, 50, 99, 100]) reported.progress(progress);
    reported.finished(summary);
    expect(screen.text.split("\n")).toHaveLength(2);
    expect(screen.text.match(/ 50%/g)).toHaveLength(2);
    expect(screen.text).toMatch(/\rf: 1\.0 KiB in 2\.0 s.*\u001b\[K\n\u001b\[J$/);
  });

  it("are plain lines on a terminal that cannot draw", () => {
    const screen = new Screen(true);
    const { reporter, time } = reporterOn(screen, false, "dumb");
    const reported = reporter.file(file);
    for (time.nowMs of [0, 5000, 10_000]) reported.progress(progress);
    reported.finished(summary);
    expect(screen.text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    expect(screen.text.trimEnd().split("\n")).toHaveLength(3);
  });

  it("draw a line for each file, above which those that are done stay", () => {
    const screen = new Screen(true);
    const { reporter, time } = reporterOn(screen);
    const [a, b] = ["a", "b"].map((name) => ({
      name,
      reported: reporter.file({ name, output: name }),
    }));
    for (const { name, reported } of [a!, b!]) {
      time.nowMs += 100;
      reported.progress({ ...progress, name });
    }
    expect(screen.text).toMatch(/^a .*\u001b\[J\ra .*\u001b\[K\nb .*\u001b\[J$/s);
    screen.text = "";
    a!.reported.finished(summary);
    expect(screen.text).toMatch(/^\r\u001b\[1A(?:a: 1\.0 KiB in .*)\u001b\[K\nb .*\u001b\[J$/);
  });

  it("are of many files together, with a line for those alone that failed", () => {
    for (const isTTY of [true, false]) {
      const screen = new Screen(isTTY);
      const { reporter, time } = reporterOn(screen);
      reporter.expect(40);
      for (let index = 0; index < 40; index++) {
        const name = `file-${index}`;
        const reported = reporter.file({ name, output: name });
        reported.progress({ ...progress, name });
        time.nowMs += 200;
        if (index === 3) reported.failed({ exitCode: 5, message: "it is not there" });
        else if (index === 4) reported.skipped("is there already");
        else reported.finished(summary);
      }
      reporter.ended({ ...summary, finished: 38, skipped: 1, failed: 1 });
      const lines = screen.text.split("\n").map((line) => line.replaceAll(/\u001b\[\d*[KJA]/g, ""));
      expect(lines.filter((line) => /: 1\.0 KiB in /.test(line))).toEqual([]);
      expect(lines.filter((line) => line.includes("file-3: failed: it is not there"))).toHaveLength(
        1,
      );
      expect(screen.text).toMatch(/25 of 40 files {2}\d+\.\d KiB {2}.*1 failed/);
      expect(lines.at(-2)).toMatch(/38 files, 1\.0 KiB in .*; 1 left alone, 1 failed$/);
    }
  });

  it("count the rows that a narrower terminal has made of a line", () => {
    const screen = new Screen(true);
    const { reporter, time } = reporterOn(screen);
    const reported = reporter.file(file);
    reported.progress(progress);
    screen.columns = 30;
    screen.text = "";
    time.nowMs = 100;
    reported.progress(progress);
    const [, line = ""] = /^\r\u001b\[[12]A(f .*)\u001b\[J$/.exec(screen.text)!;
    expect(columnsOf(line)).toBeLessThan(30);
  });

  it("are plain lines every few seconds elsewhere", () => {
    const screen = new Screen(false);
    const { reporter, time } = reporterOn(screen);
    const reported = reporter.file(file);
    for (; time.nowMs <= 12_000; time.nowMs += 100) reported.progress(progress);
    reported.finished(summary);
    expect(screen.text).not.toContain("\u001b");
    expect(screen.text.trimEnd().split("\n")).toHaveLength(3);
  });

  it("leave no half line before the sentence of a failure", () => {
    const screen = new Screen(true);
    const { reporter } = reporterOn(screen);
    reporter.file(file).progress(progress);
    reporter.failed({ exitCode: 5, message: "not there" });
    expect(screen.text.endsWith("\r\u001b[J")).toBe(true);
  });

  it("end with where the bytes came from", () => {
    const line = (changes: object) => summaryLine("f", { ...summary, ...changes }, plain);
    expect(line({})).toBe("f: 1.0 KiB in 2.0 s (512 B/s), all from this node's disk");
    expect(line({ lengthBytes: 0 })).toBe("f: 0 B in 2.0 s");
    const receivedBytes = { seed: 256, peers: 768, origin: 0 };
    expect(line({ receivedBytes })).toBe("f: 1.0 KiB in 2.0 s (512 B/s), peers 75% seed 25%");
  });

  it("sum up several files", () => {
    const counts = { ...summary, finished: 3, skipped: 0, failed: 0 };
    expect(batchLine(counts, plain)).toBe(
      "3 files, 1.0 KiB in 2.0 s (512 B/s), all from this node's disk",
    );
    expect(batchLine({ ...counts, finished: 1, skipped: 2, failed: 1 }, plain)).toMatch(
      /^1 file, .*; 2 left alone, 1 failed$/,
    );
  });

  it("have colours only where they are wanted", () => {
    expect(wantsColour("auto", true, { TERM: "xterm" })).toBe(true);
    expect(wantsColour("auto", true, {})).toBe(false);
    expect(wantsColour("auto", false, {})).toBe(false);
    expect(wantsColour("auto", true, { TERM: "xterm", NO_COLOR: "1" })).toBe(false);
    expect(wantsColour("auto", true, { TERM: "dumb" })).toBe(false);
    expect(wantsColour("always", false, { NO_COLOR: "1" })).toBe(true);
    expect(wantsColour("never", true, {})).toBe(false);
    expect(summaryLine("f", summary, paintOf(true))).toContain("\u001b[32m1.0 KiB\u001b[0m");
  });

  it("are failures alone when nothing is to be said", () => {
    const screen = new Screen(false);
    const reporter = quietReporter(screen);
    const reported = reporter.file(file);
    reported.note("a note");
    reported.finished(summary);
    expect(screen.text).toBe("");
    reported.failed({ exitCode: 5, message: "not there" });
    expect(screen.text).toBe("f: failed: not there\n");
  });
});

describe("reports to a program", () => {
  it("are one JSON object a line, which names the file", () => {
    const screen = new Screen(false);
    let nowMs = 0;
    const reporter = jsonReporter(screen, () => nowMs);
    const reported = reporter.file(file);
    reported.note("a note");
    for (; nowMs < 1000; nowMs += 100) reported.progress(progress);
    reported.finished(summary);
    reported.skipped("it is there");
    reported.failed({ exitCode: 5, message: "not there" });
    reporter.ended({ ...summary, finished: 1, skipped: 1, failed: 1 });
    const events = screen.text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const names = events.map(({ event }) => event);
    expect(names.join(" ")).toBe("note progress progress finished skipped failed ended");
    expect(events.slice(0, -1).map(({ output }) => output)).toEqual(Array(6).fill("/x/f"));
    expect(events[1]).toMatchObject({ writtenBytes: 512, bytesPerSecond: 100 });
    expect(events[3]).toMatchObject({ taskId: "url:00", durationMs: 2000 });
  });
});
