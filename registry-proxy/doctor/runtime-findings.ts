import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Where each runtime would say that it asks the mirror: files, and folders of one folder for each registry. */
const PLACES: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["containerd", [], ["/etc/containerd/certs.d"]],
  ["Docker", ["/etc/docker/daemon.json"], ["/etc/docker/certs.d"]],
  [
    "podman, buildah, skopeo and CRI-O",
    ["/etc/containers/registries.conf", "/etc/containers/registries.conf.d/50-darter.conf"],
    [],
  ],
  ["k3s", ["/etc/rancher/k3s/registries.yaml"], []],
  ["BuildKit", ["/etc/buildkit/buildkitd.toml"], []],
];

/** What the files of one runtime say. */
export interface RuntimeFinding {
  readonly runtime: string;
  /** The files in which the mirror stands. */
  readonly files: readonly string[];
}

/** Looks for the mirror, `host:port`, in the files of every runtime, below `root`. */
export async function findRuntimes(
  root: string,
  mirror: string,
): Promise<readonly RuntimeFinding[]> {
  const findings: RuntimeFinding[] = [];
  for (const [runtime, files, folders] of PLACES) {
    const candidates = [...files];
    for (const folder of folders) {
      const names = await readdir(join(root, folder)).catch(() => []);
      candidates.push(...names.map((name) => `${folder}/${name}/hosts.toml`));
    }
    const found: string[] = [];
    for (const path of candidates) {
      const text = await readFile(join(root, path), "utf8").catch(() => "");
      if (text.includes(mirror)) found.push(path);
    }
    findings.push({ runtime, files: found });
  }
  return findings;
}
