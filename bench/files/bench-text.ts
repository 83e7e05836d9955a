import type { BenchResult } from "../frame/bench-result.ts";
import type { FilesFigures } from "./files-bench.ts";
import type { SingleFigures } from "./single-bench.ts";
import type { TreeFigures } from "./tree-bench.ts";

/** What people read of a result. */
export function benchText(result: BenchResult<FilesFigures>): string {
  const { trees, singles, machine, versions, commit } = result;
  const [tree] = trees;
  const lines: string[] = [];
  if (tree) {
    lines.push(
      `A tree of ${tree.file_count} files, ${tree.tree_mb} MB, on ${tree.node_count} nodes at once, by the built programs; warm: after another such tree`,
      "  place      round trip  fleet  ratio   wget, s   dfget, s   CPU s: nodes  supernode  commands  wget   ms a file and node  asked",
      ...trees.map(treeLine),
      "",
    );
  }
  if (singles.length > 0) {
    lines.push(
      "One file, whole commands, ms",
      "  bytes      curl      dfget     more      node      with the daemon's start",
      ...singles.map(singleLine),
      "",
    );
  }
  lines.push(
    `Machine: ${machine.processor}, ${machine.cores} cores, Linux ${machine.kernel}, load ${machine.load_average_before}`,
    `Commit ${commit ?? "unknown"}, Node ${versions["node"]}`,
  );
  return lines.join("\n");
}

function treeLine(tree: TreeFigures): string {
  return row([
    [tree.place, 10],
    [`${tree.round_trip_ms} ms`, 11],
    [tree.state, 6],
    [tree.dfget_to_wget_ratio.toFixed(2), 7],
    [tree.wget_s.toFixed(2), 9],
    [tree.dfget_s.toFixed(2), 17],
    [tree.nodes_cpu_s.toFixed(2), 6],
    [tree.supernode_cpu_s.toFixed(2), 10],
    [tree.commands_cpu_s.toFixed(2), 9],
    [tree.wget_cpu_s.toFixed(2), 6],
    [tree.cpu_ms_per_file_and_node.toFixed(2), 19],
    [String(tree.origin_requests), 5],
  ]);
}

function singleLine(single: SingleFigures): string {
  return row([
    [String(single.length_bytes), 10],
    [single.curl_ms.toFixed(1), 9],
    [single.dfget_ms.toFixed(1), 9],
    [single.dfget_minus_curl_ms.toFixed(1), 9],
    [single.node_ms.toFixed(1), 9],
    [single.cold_ms.toFixed(1), 9],
  ]);
}

function row(cells: readonly (readonly [string, number])[]): string {
  return `  ${cells.map(([text, width]) => text.padEnd(width)).join(" ")}`.trimEnd();
}
