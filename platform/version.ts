import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The release that this code belongs to, from package.json beside the sources or above `dist`. */
export const VERSION: string = readVersion(dirname(fileURLToPath(import.meta.url)));

function readVersion(folder: string): string {
  for (const path of [
    join(folder, "..", "package.json"),
    join(folder, "..", "..", "package.json"),
  ]) {
    try {
      const manifest = JSON.parse(readFileSync(path, "utf8")) as { version?: unknown };
      if (typeof manifest.version === "string") return manifest.version;
    } catch {
      // Not there: built code stands one folder deeper than the sources.
    }
  }
  return "0.0.0";
}
