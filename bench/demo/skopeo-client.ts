import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { ChildProcess } from "../../test/harness/child-process.ts";
import { runCommand } from "../../test/harness/run-command.ts";
import type { ImagePlace } from "./pull-client.ts";

/** The version that skopeo tells; undefined where it is not installed. */
export async function skopeoVersion(): Promise<string | undefined> {
  try {
    const { code, stdout } = await runCommand({
      command: "skopeo",
      args: ["--version"],
      name: "skopeo",
      timeoutMs: 10_000,
    });
    return code === 0 ? stdout.trim() : undefined;
  } catch {
    return undefined;
  }
}

/** Pulls an image with skopeo into a directory, which checks every digest. Throws with its last words. */
export async function pullWithSkopeo(
  place: ImagePlace,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const image = `docker://${place.authority}/${place.repository}:${place.tag}`;
  await using process = await ChildProcess.start({
    name: "skopeo",
    command: "skopeo",
    args: [
      "--insecure-policy",
      "--override-os=linux",
      `--override-arch=${place.architecture}`,
      "--tmpdir",
      directory,
      "copy",
      "--quiet",
      "--src-tls-verify=false",
      image,
      `dir:${join(directory, "image")}`,
    ],
    // Its cache of blobs goes into the directory too, also when root runs it.
    env: { XDG_DATA_HOME: directory, _CONTAINERS_ROOTLESS_UID: "1000" },
  });
  const stop = (): void => void process.stop();
  signal.addEventListener("abort", stop, { once: true });
  const { code } = await process.exited;
  signal.removeEventListener("abort", stop);
  signal.throwIfAborted();
  if (code !== 0) throw new Error(`skopeo ended with ${code}\n${process.lastWords()}`);
}
