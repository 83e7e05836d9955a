import { mkdir, open, statfs } from "node:fs/promises";
import { mustRun } from "./run-command.ts";
import { TemporaryDirectory } from "./temporary-directory.ts";

/** File systems on which files can share their room. */
export const SHARING_FILE_SYSTEMS = ["btrfs", "xfs"] as const;
export type SharingFileSystem = (typeof SHARING_FILE_SYSTEMS)[number];

/** The smallest that both are made in. */
const LENGTH_BYTES = 320 * 1024 * 1024;

/** A disk of its own with a file system, in a sparse file; root only. Disposing it takes it away. */
export class LoopDisk implements AsyncDisposable {
  readonly path: string;
  readonly #resources: AsyncDisposableStack;

  private constructor(path: string, resources: AsyncDisposableStack) {
    this.path = path;
    this.#resources = resources;
  }

  static async create(fileSystem: SharingFileSystem): Promise<LoopDisk> {
    await using resources = new AsyncDisposableStack();
    const directory = resources.use(await TemporaryDirectory.create("disk"));
    const image = directory.join("image");
    await using file = await open(image, "wx");
    await file.truncate(LENGTH_BYTES);
    await mustRun({ command: `mkfs.${fileSystem}`, args: ["-q", image] });
    const path = directory.join("disk");
    await mkdir(path);
    await mustRun({ command: "mount", args: ["-t", fileSystem, "-o", "loop", image, path] });
    resources.defer(async () => void (await mustRun({ command: "umount", args: ["-l", path] })));
    return new LoopDisk(path, resources.move());
  }

  /** Bytes that are free once all that was written has its place. */
  async freeBytes(): Promise<number> {
    await mustRun({ command: "sync", args: ["-f", this.path] });
    const { bavail, bsize } = await statfs(this.path);
    return bavail * bsize;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}

/** Why this machine can have no such disks; undefined where it can. */
export async function whyNoLoopDisks(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "disks in files need root";
  try {
    await using _disk = await LoopDisk.create(SHARING_FILE_SYSTEMS[0]);
    return undefined;
  } catch (error) {
    return `no disk in a file can be mounted: ${(error as Error).message.split("\n")[0]}`;
  }
}
