import { isTestFile, packageName, specifiers } from "./import-rules.ts";
import type { SourceFile } from "./source-tree.ts";

/** The folders that are built and run where only the dependencies are installed. */
const BUILT = /^(?:protocol|platform|store|supernode|dfget|registry-proxy)\//;

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** What package.json says. */
export function readManifest(files: readonly SourceFile[]): Manifest {
  return JSON.parse(files.find(({ path }) => path === "package.json")!.text) as Manifest;
}

/** Imports of packages that package.json does not name, or not for where they are used, a sentence each. */
export function packageErrors(files: readonly SourceFile[]): string[] {
  const { dependencies, devDependencies } = readManifest(files);
  const errors: string[] = [];
  for (const { path, text } of files) {
    if (!path.endsWith(".ts")) continue;
    const isRun = BUILT.test(path) && !isTestFile(path);
    for (const specifier of specifiers(text)) {
      if (/^(?:\.|node:)/.test(specifier)) continue;
      const name = packageName(specifier);
      if (Object.hasOwn(dependencies, name)) continue;
      if (!isRun && Object.hasOwn(devDependencies, name)) continue;
      if (path === "test/tidy.test.ts") continue;
      errors.push(`${path} imports ${name}, which is not in the dependencies of package.json`);
    }
  }
  return errors;
}
