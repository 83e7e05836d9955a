import { chmod, mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";

import { UserError } from "../../platform/user-error.ts";
import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { runConfigure } from "./configure-command.ts";

type Tree = Readonly<Record<string, string>>;

const MIRROR = '[host."http://127.0.0.1:65001"]\n  capabilities = ["pull", "resolve"]\n';
const CRI = '[plugins."io.containerd.grpc.v1.cri".registry]';
const IMAGES = '[plugins."io.containerd.cri.v1.images".registry]';
const CERTS = '  config_path = "/etc/containerd/certs.d"\n';

/** Machines before and after, by what is asked for; every other file must stay as it is. */
const SAMPLES: readonly (readonly [string, string, Tree, Tree])[] = [
  [
    "containerd 1.6 without a file",
    "containerd --all --runtime-version 1.6.20",
    {},
    {
      "etc/containerd/config.toml": `version = 2\n\n${CRI}\n${CERTS}`,
      "etc/containerd/certs.d/_default/hosts.toml": MIRROR,
    },
  ],
  [
    "containerd 1.7 with a user's file and a registry",
    "containerd --registry docker.io --registry r.io:5000 --runtime-version 1.7.24",
    {
      "etc/containerd/config.toml": `# mine\nversion = 2\n${CRI}\n  config_path = ""   # none\n[debug]\n  level = "info"\n`,
      "etc/containerd/certs.d/r.io:5000/hosts.toml":
        'server = "https://r.io:5000"\n[host."https://other.io"]\n  capabilities = ["pull"]\n',
    },
    {
      "etc/containerd/config.toml": `# mine\nversion = 2\n${CRI}\n${CERTS}[debug]\n  level = "info"\n`,
      "etc/containerd/certs.d/docker.io/hosts.toml": `server = "https://registry-1.docker.io"\n\n${MIRROR}`,
      "etc/containerd/certs.d/r.io:5000/hosts.toml": `server = "https://r.io:5000"\n${MIRROR}\n[host."https://other.io"]\n  capabilities = ["pull"]\n`,
    },
  ],
  [
    "containerd 2.0 without a file",
    "containerd --all --runtime-version 2.0.1",
    {},
    {
      "etc/containerd/config.toml": `version = 3\n\n${IMAGES}\n${CERTS}`,
      "etc/containerd/certs.d/_default/hosts.toml": MIRROR,
    },
  ],
  [
    "containerd 2.2 with its default list of two directories",
    "containerd --all --runtime-version v2.2.0",
    {
      "etc/containerd/config.toml": `version = 3\n[plugins]\n  [plugins.'io.containerd.cri.v1.images'.registry]\n    config_path = '/etc/containerd/certs.d:/etc/docker/certs.d'\n`,
    },
    {
      "etc/containerd/config.toml": `version = 3\n[plugins]\n  [plugins.'io.containerd.cri.v1.images'.registry]\n    config_path = "/etc/containerd/certs.d"\n`,
      "etc/containerd/certs.d/_default/hosts.toml": MIRROR,
    },
  ],
  [
    "containerd 2 with a file of version 2 and another directory",
    "containerd --all --runtime-version 2.1.0",
    { "etc/containerd/config.toml": `version = 2\n${CRI}\n  config_path = "/opt/certs.d"\n` },
    { "opt/certs.d/_default/hosts.toml": MIRROR },
  ],
  [
    "Docker without a file",
    "docker --all --runtime-version 20.10.24",
    {},
    {
      "etc/docker/daemon.json":
        '{\n  "registry-mirrors": [\n    "http://127.0.0.1:65001"\n  ]\n}\n',
    },
  ],
  [
    "Docker with a user's file",
    "docker --registry docker.io --runtime-version 27.0",
    { "etc/docker/daemon.json": '{\n\t"debug": true\n}' },
    {
      "etc/docker/daemon.json":
        '{\n  "registry-mirrors": ["http://127.0.0.1:65001"],\n\t"debug": true\n}',
    },
  ],
  [
    "Docker 29 with other mirrors and a registry",
    "docker --registry docker.io --registry r.io --runtime-version 29.1",
    { "etc/docker/daemon.json": '{ "registry-mirrors": ["https://m.io"], "x": [1] }\n' },
    {
      "etc/docker/daemon.json":
        '{ "registry-mirrors": ["http://127.0.0.1:65001", "https://m.io"], "x": [1] }\n',
      "etc/docker/certs.d/r.io/hosts.toml": `server = "https://r.io"\n\n${MIRROR}`,
    },
  ],
  [
    "podman",
    "podman --registry docker.io --registry r.io:5000",
    { "etc/containers/registries.conf": 'unqualified-search-registries = ["docker.io"]\n' },
    {
      "etc/containers/registries.conf.d/50-darter.conf":
        '# Made by `registry-proxy configure`; `--undo` takes it away.\n\n[[registry]]\nprefix = "docker.io"\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "127.0.0.1:65001/docker.io"\ninsecure = true\n\n[[registry]]\nprefix = "r.io:5000"\nlocation = "r.io:5000"\n[[registry.mirror]]\nlocation = "127.0.0.1:65001/r.io_5000"\ninsecure = true\n',
    },
  ],
  [
    "k3s with a user's file",
    "k3s --all",
    {
      "etc/rancher/k3s/registries.yaml":
        "# mine\nmirrors:\n  r.io:\n    endpoint:\n      - https://m.io\n",
    },
    {
      "etc/rancher/k3s/registries.yaml":
        '# mine\nmirrors:\n  r.io:\n    endpoint:\n      - https://m.io\n  "*":\n    endpoint:\n      - http://127.0.0.1:65001\n',
    },
  ],
  [
    "BuildKit with a user's file",
    "buildkit --registry docker.io --registry r.io",
    { "etc/buildkit/buildkitd.toml": 'debug = true\n[registry."r.io"]\n  mirrors = ["m.io"]\n' },
    {
      "etc/buildkit/buildkitd.toml":
        'debug = true\n[registry."r.io"]\n  mirrors = ["127.0.0.1:65001", "m.io"]\n\n[registry."docker.io"]\n  mirrors = ["127.0.0.1:65001"]\n\n[registry."127.0.0.1:65001"]\n  http = true\n',
    },
  ],
];

async function machine(files: Tree): Promise<TemporaryDirectory> {
  const root = await TemporaryDirectory.create("machine");
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(root.join(path)), { recursive: true });
    await writeFile(root.join(path), text);
  }
  return root;
}

async function treeOf(root: string): Promise<Tree> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const tree: Record<string, string> = {};
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(root.length + 1);
    if (name.startsWith("var")) continue;
    tree[name] = entry.isDirectory() ? "a folder" : await readFile(path, "utf8");
  }
  return tree;
}

function filesOf(tree: Tree): Tree {
  return Object.fromEntries(Object.entries(tree).filter(([, text]) => text !== "a folder"));
}

async function configure(root: TemporaryDirectory, words: string): Promise<string> {
  const output: string[] = [];
  await runConfigure([...words.split(" "), "--root", root.path], {}, (text) => output.push(text));
  return output.join("");
}

describe("configuring", () => {
  it.each(SAMPLES)("%s", async (_name, words, before, after) => {
    await using root = await machine(before);
    const first = await treeOf(root.path);
    const dry = await configure(root, `${words} --dry-run`);
    expect(await treeOf(root.path)).toEqual(first);
    expect(dry).toContain("+");
    await configure(root, words);
    expect(filesOf(await treeOf(root.path))).toEqual({ ...before, ...after });
    const second = await treeOf(root.path);
    expect(await configure(root, words)).toContain("already; nothing is changed");
    expect(await treeOf(root.path)).toEqual(second);
    await configure(root, `${words.split(" ", 1)[0]} --undo`);
    expect(await treeOf(root.path)).toEqual(first);
    expect(await readdir(root.join("var/lib/darter/configure"))).toEqual([]);
  });

  it("keeps the rights of a file, and undoes several steps at once", async () => {
    await using root = await machine({ "etc/docker/daemon.json": "{}" });
    await chmod(root.join("etc/docker/daemon.json"), 0o600);
    await configure(root, "docker --all --runtime-version 27");
    expect((await stat(root.join("etc/docker/daemon.json"))).mode & 0o777).toBe(0o600);
    await configure(root, "containerd --registry docker.io --runtime-version 1.7");
    await configure(root, "containerd --registry quay.io --runtime-version 1.7");
    expect(await readdir(root.join("etc/containerd/certs.d"))).toEqual(["docker.io", "quay.io"]);
    await configure(root, "containerd --undo");
    await expect(stat(root.join("etc/containerd"))).rejects.toThrow("ENOENT");
  });

  it("leaves alone on --undo what somebody else changed since", async () => {
    await using root = await machine({});
    await configure(root, "docker --all --runtime-version 27.0");
    await writeFile(root.join("etc/docker/daemon.json"), '{"mine": 1}');
    await expect(configure(root, "docker --undo")).rejects.toThrow("changed by somebody else");
    expect(await readFile(root.join("etc/docker/daemon.json"), "utf8")).toBe('{"mine": 1}');
  });

  it.each([
    ["containerd --all --runtime-version 1.4", {}, "1.5 is the first"],
    [
      "containerd --all --runtime-version 1.6",
      {
        "etc/containerd/config.toml": `version = 2\n[plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]\n  endpoint = ["x"]\n`,
      },
      "cannot stand beside",
    ],
    [
      "containerd --all --runtime-version 2.0",
      { "etc/containerd/config.toml": "[plugins.cri]\n  x = 1\n" },
      "containerd config migrate",
    ],
    ["docker --all --runtime-version 27", { "etc/docker/daemon.json": "{" }, "no JSON object"],
    ["docker --registry r.io --runtime-version 27.1", {}, "docker.io only"],
    ["podman --all", {}, "name each by --registry"],
    [
      "podman --registry r.io",
      { "etc/containers/registries.conf": '[[registry]]\nlocation = "r.io"\ninsecure = true\n' },
      "settings for r.io already",
    ],
    ["k3s --all", { "etc/rancher/k3s/registries.yaml": "- a\n- : b: c" }, "no YAML mapping"],
    ["buildkit --all", {}, "name each by --registry"],
    ["containerd --runtime-version 1.7", {}, "--registry"],
    ["containerd --registry ../../x --runtime-version 1.7", {}, "does not name a registry"],
    ["nomad --all", {}, "name one of"],
  ])("%s is refused when it would break something", async (words, before, message) => {
    await using root = await machine(before);
    const first = await treeOf(root.path);
    const refused = configure(root, words);
    await expect(refused).rejects.toThrow(UserError);
    await expect(refused).rejects.toThrow(message);
    expect(await treeOf(root.path)).toEqual(first);
  });
});
