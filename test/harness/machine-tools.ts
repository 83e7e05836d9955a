import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";

/** The real programs that end-to-end tests use, and the Debian package that each comes from. */
export const TOOL_PACKAGES = {
  containerd: "containerd",
  ctr: "containerd",
  runc: "runc",
  "docker-registry": "docker-registry",
  skopeo: "skopeo",
  nginx: "nginx-light",
  ip: "iproute2",
  tc: "iproute2",
  nsenter: "util-linux",
  unshare: "util-linux",
  curl: "curl",
  dockerd: "docker.io",
  podman: "podman",
  buildah: "buildah",
  htpasswd: "apache2-utils",
  aria2c: "aria2",
  time: "time",
  openssl: "openssl",
  tmux: "tmux",
  wget: "wget",
  git: "git",
  "git-lfs": "git-lfs",
  pip3: "python3-pip",
  chromium: "chromium",
  "mkfs.btrfs": "btrfs-progs",
} as const;

export type Tool = keyof typeof TOOL_PACKAGES;

/** Where the program is, in PATH or where Debian keeps those for root; undefined when it is nowhere. */
export async function findTool(name: string): Promise<string | undefined> {
  const folders = new Set([...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"]);
  for (const folder of folders) {
    const path = join(folder, name);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}

/** Those of the tools that are not on this machine. */
export async function missingTools(): Promise<readonly Tool[]> {
  const names = Object.keys(TOOL_PACKAGES) as Tool[];
  const places = await Promise.all(names.map(findTool));
  return names.filter((_, index) => places[index] === undefined);
}
