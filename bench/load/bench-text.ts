import type { BenchResult } from "../frame/bench-result.ts";
import type { LoadFigures, RouteFigures } from "./load-figures.ts";

/** What people read of a result. */
export function benchText(result: BenchResult<LoadFigures>): string {
  const { idle_steps, joins, ramp, active, routes, machine, versions, commit } = result;
  const lines: string[] = [];
  if (idle_steps.length > 0) {
    lines.push("Idle nodes", "  nodes     RSS, MB   kB/node   CPU      connects/s");
    for (const step of idle_steps) {
      lines.push(
        `  ${cell(step.nodes, 9)} ${cell(step.rss_mb, 9)} ${cell(step.kb_per_node, 9)} ${share(step.cpu_fraction)} ${step.connects_per_s.toFixed(0)}`,
      );
    }
    lines.push("");
  }
  const joinSteps = [...(joins ? [joins] : []), ...(ramp?.steps ?? [])];
  if (joinSteps.length > 0) {
    lines.push(
      "Joins of one task",
      "  per s     p50, ms   p99, ms   max, ms   CPU      driver's CPU",
    );
    for (const step of joinSteps) {
      const times = [step.p50_ms, step.p99_ms, step.max_ms].map((time) => cell(time, 9)).join(" ");
      const use = `${share(step.cpu_fraction)} ${share(step.driver_cpu_fraction)}`;
      lines.push(`  ${cell(step.per_s, 9)} ${times} ${use}`.trimEnd());
    }
    if (ramp) lines.push(`  ${kneeText(ramp)}`);
    lines.push("");
  }
  if (active) {
    const what = `${active.peers} nodes that download, in ${active.tasks} tasks`;
    const cost = `${(active.cpu_fraction * 100).toFixed(1)} % of a core, ${active.rss_mb.toFixed(0)} MB`;
    lines.push(`${what}: ${cost}, ${active.frames_per_s.toFixed(0)} frames/s`, "");
  }
  if (routes.length > 0) {
    lines.push(
      "Routes",
      "  server     route            state  per s     MB/s      p50, ms   p99, ms   CPU",
    );
    for (const route of routes) lines.push(routeLine(route));
    lines.push("");
  }
  lines.push(
    `Machine: ${machine.processor}, ${machine.cores} cores, Linux ${machine.kernel}, load ${machine.load_average_before}`,
    `Commit ${commit ?? "unknown"}, Node ${versions["node"]}`,
    "CPU is a share of one core; the process that makes the load takes its own. Latencies are corrected for coordinated omission.",
  );
  return lines.join("\n");
}

function routeLine(figures: RouteFigures): string {
  const { server, route, state, rps, mb_per_s, p50_ms, p99_ms, cpu_fraction } = figures;
  const named = `${server.padEnd(10)} ${route.padEnd(16)} ${state.padEnd(6)}`;
  const rates = `${cell(rps, 9)} ${cell(mb_per_s, 9)}`;
  const times = `${cell(p50_ms, 9)} ${cell(p99_ms, 9)}`;
  return `  ${named} ${rates} ${times} ${share(cpu_fraction)}`.trimEnd();
}

function kneeText(ramp: NonNullable<LoadFigures["ramp"]>): string {
  const { knee_per_s, beyond_per_s, limit_ms } = ramp;
  if (knee_per_s === null)
    return `the knee lies below the first rate: its p99 is over ${limit_ms} ms`;
  if (beyond_per_s === null) {
    return `no knee up to ${knee_per_s} joins/s; for more rate there are too few nodes`;
  }
  return `the knee: ${knee_per_s} joins/s have a p99 within ${limit_ms} ms, ${beyond_per_s} do not`;
}

function cell(value: number, width: number): string {
  const text = value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
  return text.padEnd(width);
}

function share(fraction: number): string {
  return `${(fraction * 100).toFixed(1)} %`.padEnd(8);
}
