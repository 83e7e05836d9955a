import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ChildProcess } from "./child-process.ts";
import type { Fleet } from "./fleet.ts";

const SUPERNODE_PATHS = [
  "/metrics",
  "/healthz",
  "/readyz",
  "/version",
  "/openapi.json",
  "/api/v1/tasks",
  "/api/v1/peers",
];

/**
 * Every place of a fleet where one of the secrets stands: output, arguments and environment of its processes, what its ports answer,
 * and the files below its data directories. Each secret is looked for as it is and in base64.
 */
export async function findSecrets(fleet: Fleet, secrets: Iterable<string>): Promise<string[]> {
  const forms = [...secrets].flatMap((secret) => [
    secret,
    Buffer.from(secret).toString("base64").replace(/=+$/, ""),
  ]);
  const found: string[] = [];
  const look = (place: string, content: Buffer | string): void => {
    const bytes = Buffer.from(content);
    if (forms.some((form) => bytes.includes(form))) found.push(place);
  };
  for (const child of [fleet.supernode, ...fleet.nodes.map(({ process }) => process)]) {
    await lookAtProcess(child, look);
  }
  const urls = [
    ...SUPERNODE_PATHS.map((path) => fleet.supernodeUrl + path),
    ...fleet.nodes.flatMap(({ peerUrl }) => [`${peerUrl}/metrics`, `${peerUrl}/healthz`]),
  ];
  for (const url of urls) look(url, await (await fetch(url)).text());
  const folders = [fleet.supernodeDirectory, ...fleet.nodes.map((node) => node.dataDirectory)];
  for (const folder of folders) {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) look(path, await readFile(path).catch(() => ""));
    }
  }
  return found;
}

async function lookAtProcess(
  child: ChildProcess,
  look: (place: string, content: Buffer | string) => void,
): Promise<void> {
  look(`output of ${child.name}`, [...child.stdout.lines, ...child.stderr.lines].join("\n"));
  for (const file of ["cmdline", "environ"]) {
    look(`${file} of ${child.name}`, await readFile(`/proc/${child.pid}/${file}`));
  }
}
