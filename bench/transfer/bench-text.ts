import { formatByteCount } from "../../platform/quantity.ts";
import type { StreamingFigures } from "./streaming-bench.ts";
import type { ReportRow, TransferReport } from "./bench-report.ts";

const HEADINGS = ["", "MB/s", "server CPU s/GB", "client CPU s/GB", "peak RSS MB", "loop p99 ms"];

/** The report for people. */
export function benchText({
  rows,
  streaming,
  options,
  machine,
  versions,
  commit,
}: TransferReport): string {
  const { lengthBytes, pieceLengthBytes, rounds } = options;
  return [
    `${formatByteCount(lengthBytes)} in pieces of ${formatByteCount(pieceLengthBytes)}, medians of ${rounds} rounds`,
    `${machine.cores} x ${machine.processor}, load ${machine.load_average_before} before and ${machine.load_average_after} after`,
    `node ${versions["node"]}, nginx ${versions["nginx"]}, curl ${versions["curl"]}, aria2c ${versions["aria2c"]}, commit ${commit ?? "unknown"}`,
    "",
    ...table([HEADINGS, ...rows.map(cells)]),
    ...rows.flatMap(partsText),
    ...ratiosText(rows),
    ...streaming.map(streamingText),
  ].join("\n");
}

function streamingText(figures: StreamingFigures): string {
  const link = figures.link_mbit === null ? "loopback" : `${figures.link_mbit} Mbit/s`;
  return (
    `streamed, registry on ${link}: direct ${figures.direct_s} s, cold ${figures.cold_s} s, warm ` +
    `${figures.warm_to_nginx_ratio} x nginx; first byte ${figures.direct_first_byte_ms} ms direct, ` +
    `${figures.cold_first_byte_ms} ms cold; CPU supernode ${figures.supernode_cpu_s} s, proxy ${figures.proxy_cpu_s} s`
  );
}

function cells(row: ReportRow): readonly string[] {
  return [
    row.name,
    row.mb_per_s.toFixed(0),
    row.server_cpu_s_per_gb.toFixed(2),
    row.client_cpu_s_per_gb.toFixed(2),
    row.peak_rss_mb.toFixed(0),
    row.loop_delay_p99_ms?.toFixed(1) ?? "",
  ];
}

function table(lines: readonly (readonly string[])[]): string[] {
  const widths = HEADINGS.map((_, column) =>
    Math.max(...lines.map((line) => line[column]!.length)),
  );
  return lines.map((line) =>
    line
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join("  "),
  );
}

function partsText({ name, server_cpu_s_per_gb_by_process: parts }: ReportRow): string[] {
  if (parts === null) return [];
  const each = Object.entries(parts).map(([part, seconds]) => `${part} ${seconds.toFixed(2)}`);
  return [`${name}, CPU s/GB by process: ${each.join(", ")}`];
}

/** The comparisons that the bench is made for. */
function ratiosText(rows: readonly ReportRow[]): string[] {
  const row = (name: string): ReportRow | undefined => rows.find((each) => each.name === name);
  const ratios = [
    ["darter>darter", "nginx>aria2c"],
    ["darter>darter", "nginx>aria2c+sha256"],
    ["darter>curl", "nginx>curl"],
    ["proxy>curl", "nginx>curl"],
  ].flatMap(([ours = "", theirs = ""]) => {
    const [a, b] = [row(ours), row(theirs)];
    return a && b ? [`${ours} is ${(a.mb_per_s / b.mb_per_s).toFixed(2)} x ${theirs}`] : [];
  });
  const [whole, plain] = [row("darter>darter"), row("nginx>aria2c")];
  if (whole && plain) {
    const cost = (each: ReportRow): number => each.server_cpu_s_per_gb + each.client_cpu_s_per_gb;
    ratios.push(`and takes ${(cost(whole) / cost(plain)).toFixed(2)} x the CPU of nginx>aria2c`);
  }
  return ratios.length === 0 ? [] : ["", ...ratios];
}
