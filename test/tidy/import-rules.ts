import { posix } from "node:path";

import type { SourceFile } from "./source-tree.ts";

/**
 * Which folders the code of a folder may import. A folder named inside another has rules of its own. What is
 * listed and not used is an error too, so that the table stays true.
 */
export const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  platform: ["protocol"],
  store: ["protocol", "platform"],
  "supernode/scheduler": ["protocol"],
  supernode: ["protocol", "platform", "store", "supernode/scheduler"],
  "dfget/swarm": ["protocol"],
  dfget: ["protocol", "platform", "store", "dfget/swarm"],
  "registry-proxy": ["protocol", "platform", "dfget"],
};

/** The packages that a folder without Node's types may import. */
export const PURE_PACKAGES: Readonly<Record<string, readonly string[]>> = {
  protocol: ["typebox"],
  "supernode/scheduler": [],
  "dfget/swarm": [],
};

/** They may import everything; nothing but tests imports them. */
const UNBOUND = ["bench", "test", "docs", ".ci"];

/** What is wrong with the imports of files, a sentence each; `table` is {@link ALLOWED} or a test's own. */
export function importErrors(
  files: readonly SourceFile[],
  table: Readonly<Record<string, readonly string[]>> = ALLOWED,
): string[] {
  const errors: string[] = [];
  const used = new Set<string>();
  for (const file of files) {
    if (!file.path.endsWith(".ts")) continue;
    const from = folderOf(file.path, table);
    if (UNBOUND.includes(from) || !from) continue;
    for (const specifier of specifiers(file.text)) {
      const error = importError(file.path, from, specifier, table, used);
      if (error !== undefined) errors.push(`${file.path} imports ${specifier}: ${error}`);
    }
  }
  for (const [from, targets] of Object.entries(table)) {
    for (const to of targets) {
      if (!used.has(`${from} ${to}`))
        errors.push(`${from} is allowed ${to} and does not import it`);
    }
  }
  return errors;
}

function importError(
  path: string,
  from: string,
  specifier: string,
  table: Readonly<Record<string, readonly string[]>>,
  used: Set<string>,
): string | undefined {
  const isTest = isTestFile(path);
  if (!specifier.startsWith(".")) {
    const packages = PURE_PACKAGES[from];
    if (packages === undefined || isTest || packages.includes(packageName(specifier)))
      return undefined;
    return `${from} is pure and imports no package but ${packages.join(", ") || "none"}`;
  }
  const target = posix.join(posix.dirname(path), specifier);
  if (target.startsWith("..")) return "it lies outside the checkout";
  const to = folderOf(target, table);
  if (to === from) return undefined;
  if (table[from]?.includes(to)) {
    // What only tests need is no reason for an entry.
    if (!isTest) used.add(`${from} ${to}`);
    return undefined;
  }
  if (isTest && (to === "test" || table[to] !== undefined)) return undefined;
  return `${from} may import ${table[from]?.join(", ") || "nothing"}`;
}

/** Every module that a source names, in static and dynamic imports, re-exports and worker URLs. */
export function specifiers(text: string): string[] {
  const found: string[] = [];
  for (const pattern of [
    /^\s*(?:import|export)\b[^"'`;]*?\bfrom\s*["']([^"']+)["']/gm,
    /^\s*import\s*["']([^"']+)["']/gm,
    /\bimport\s*\(\s*["']([^"']+)["']\s*\)/g,
    /\bnew URL\(\s*["'](\.[^"']+)["'],\s*import\.meta/g,
  ]) {
    for (const match of text.matchAll(pattern)) found.push(match[1]!);
  }
  return found;
}

/** Tests, and the fixtures that stand beside them. */
export function isTestFile(path: string): boolean {
  return /(?:\.test|\.bench|-fixture)\.ts$/.test(path) || path.startsWith("test/");
}

/** The name under which a package is installed, `@scope/name` or `name`. */
export function packageName(specifier: string): string {
  const parts = specifier.split("/");
  return specifier.startsWith("@") ? parts.slice(0, 2).join("/") : parts[0]!;
}

/** The longest folder of the table that a file lies in, else its first folder; empty at the root. */
function folderOf(path: string, table: Readonly<Record<string, readonly string[]>>): string {
  const inside = Object.keys(table)
    .filter((folder) => path.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length);
  return inside[0] ?? (path.includes("/") ? path.slice(0, path.indexOf("/")) : "");
}
