/*
 * Writes the pages of docs/reference that are made from the code: `npm run docs`. A test fails when a page
 * that is checked in is not what this writes.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { referencePages } from "./reference-pages.ts";

for (const { path, text } of await referencePages()) {
  writeFileSync(join(import.meta.dirname, "..", path), text);
  process.stdout.write(`${path}\n`);
}
