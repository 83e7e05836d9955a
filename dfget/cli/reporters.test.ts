import { describe, expect, it } from "vitest";

import { jsonReporter } from "./json-reporter.ts";
import { summaryLine, textReporter } from "./text-reporter.ts";

const progress = {
  name: "f",
  writtenBytes: 512,
  lengthBytes: 1024,
  bytesPerSecond: 100.4,
  receivedBytes: { seed: 1, peers: 0, origin: 0 },
};
const summary = {
  name: "f",
  taskId: "url:00",
  output: "/x/f",
  lengthBytes: 1024,
  durationMs: 2000,
  receivedBytes: { seed: 0, peers: 0, origin: 0 },
};

class Screen {
  text = "";
  readonly isTTY: boolean;
  readonly columns = 80;

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.text += text;
  }
}

describe("reports to a person", () => {
  it("draw one line again and again on a terminal and take it away at the end", () => {
    const screen = new Screen(true);
    let nowMs = 0;
    const reporter = textReporter(screen, () => nowMs);
    for (nowMs of [0, 50, 99, 100]) reporter.progress(progress);
    reporter.finished(summary);
    expect(screen.text.split("\n")).toHaveLength(2);
    expect(screen.text.match(/ 50%/g)).toHaveLength(2);
    const summaryText = screen.text.split("\r\u001b[K").at(-1);
    expect(summaryText).toMatch(/^f: 1\.0 KiB in 2\.0 s.*\n$/);
  });

  it("are plain lines every few seconds elsewhere", () => {
    const screen = new Screen(false);
    let nowMs = 0;
    const reporter = textReporter(screen, () => nowMs);
    for (; nowMs <= 12_000; nowMs += 100) reporter.progress(progress);
    reporter.finished(summary);
    expect(screen.text).not.toContain("\u001b");
    expect(screen.text.trimEnd().split("\n")).toHaveLength(3);
  });

  it("leave no half line before the sentence of a failure", () => {
    const screen = new Screen(true);
    const reporter = textReporter(screen, () => 0);
    reporter.progress(progress);
    reporter.failed({ exitCode: 5, message: "not there" });
    expect(screen.text.endsWith("\r\u001b[K")).toBe(true);
  });

  it("end with where the bytes came from", () => {
    expect(summaryLine(summary)).toBe("f: 1.0 KiB in 2.0 s (512 B/s), all from this node's disk");
    expect(summaryLine({ ...summary, lengthBytes: 0 })).toBe("f: 0 B in 2.0 s");
    const receivedBytes = { seed: 256, peers: 768, origin: 0 };
    expect(summaryLine({ ...summary, receivedBytes })).toBe(
      "f: 1.0 KiB in 2.0 s (512 B/s), peers 75% seed 25%",
    );
  });
});

describe("reports to a program", () => {
  it("are one JSON object a line", () => {
    const screen = new Screen(false);
    let nowMs = 0;
    const reporter = jsonReporter(screen, () => nowMs);
    reporter.note("a note");
    for (; nowMs < 1000; nowMs += 100) reporter.progress(progress);
    reporter.finished(summary);
    reporter.failed({ exitCode: 5, message: "not there" });
    const events = screen.text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map(({ event }) => event)).toEqual([
      "note",
      "progress",
      "progress",
      "finished",
      "failed",
    ]);
    expect(events[1]).toMatchObject({ writtenBytes: 512, bytesPerSecond: 100 });
    expect(events[3]).toMatchObject({ output: "/x/f", durationMs: 2000 });
  });
});
