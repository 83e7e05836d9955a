import { fchmod } from "node:fs";
import { link, readlink } from "node:fs/promises";
import { promisify } from "node:util";

const chmodFd = promisify(fchmod);
/** Whoever writes to the link writes to the pieces that others get. */
const READ_ONLY = 0o444;

/** Gives an open file another name, read-only. Resolves to false where that is not possible. */
export async function linkContent(fd: number, path: string): Promise<boolean> {
  try {
    const place = await readlink(`/proc/self/fd/${fd}`);
    await link(place, path);
    await chmodFd(fd, READ_ONLY);
    return true;
  } catch {
    return false;
  }
}
