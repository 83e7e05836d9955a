import { isTestFile } from "./import-rules.ts";
import type { SourceFile } from "./source-tree.ts";

/** Words or calls that are not used, where they are all the same, and what to do instead. */
export interface TextRule {
  readonly pattern: RegExp;
  readonly instead: string;
  /** Path, or the beginning of one with "/" at its end, to the reason. What is not needed is an error. */
  readonly exceptions: Readonly<Record<string, string>>;
  readonly isForTests: boolean;
}

const LINES_MAX = 400;

export const TEXT_RULES: readonly TextRule[] = [
  {
    pattern: /\bDate\.now\(/,
    instead: "pass in a Clock of platform/clock.ts",
    isForTests: false,
    exceptions: {
      "platform/calendar.ts": "moments that other machines know too",
      "platform/origin/retry-after.ts": "an HTTP date is one of the calendar",
      "dfget/daemon/lock-file.ts": "compared with the time of a file",
      "store/disk-store.ts": "kept on disk, so it must outlive the process",
    },
  },
  {
    pattern: /\bMath\.random\b/,
    instead: "pass in a Random of platform/clock.ts",
    isForTests: false,
    exceptions: {
      "dfget/peer/peer-wiring.ts": "the wiring of a peer",
      "registry-proxy/main.ts": "the wiring of a program",
      "supernode/main.ts": "the wiring of a program",
    },
  },
  {
    pattern: /\bprocess\.exit\(/,
    instead: "throw a UserError, or return from main",
    isForTests: false,
    exceptions: { "platform/lifecycle.ts": "the one place where a process ends" },
  },
  {
    pattern: /\bmkdir(?:Sync)?\([^)]*recursive/,
    instead: "use makeDirectory of platform/make-directory.ts, which ends also below /proc",
    isForTests: false,
    exceptions: {
      "platform/code-cache.ts": "runs before anything is loaded, at places of its own",
    },
  },
  {
    pattern: /\bconsole\.\w+\(/,
    instead: "use a Log, or write to process.stdout in a command",
    isForTests: false,
    exceptions: {},
  },
  {
    pattern: /\b(?:it|test|describe)\.(?:only|skip|todo)\(/,
    instead: "let every test run; where a machine lacks something, use describeWhere",
    isForTests: true,
    exceptions: { "test/harness/describe-where.ts": "leaves out what a machine cannot run" },
  },
  {
    pattern: /\bTODO\b|\bFIXME\b|\bXXX\b|\bHACK\b|not (?:yet )?implemented/i,
    instead: "build it, or leave it out",
    isForTests: true,
    exceptions: {},
  },
  {
    pattern: /@ts-ignore|@ts-expect-error|@ts-nocheck|\bas any\b|<any>/,
    instead: "give it its type",
    isForTests: true,
    exceptions: {},
  },
];

/** The rules' own words stand in these. */
const OWN_FILES = new Set(["test/tidy/text-rules.ts", "test/tidy.test.ts"]);

/** What is wrong with the text of TypeScript files, a sentence each. */
export function textErrors(
  files: readonly SourceFile[],
  rules: readonly TextRule[] = TEXT_RULES,
): string[] {
  const errors: string[] = [];
  const sources = files.filter(({ path }) => path.endsWith(".ts") && !OWN_FILES.has(path));
  for (const rule of rules) {
    const used = new Set<string>();
    for (const { path, text } of sources) {
      if (!rule.isForTests && isUnruled(path)) continue;
      const line = text.split("\n").findIndex((content) => rule.pattern.test(content));
      if (line < 0) continue;
      const exception = Object.keys(rule.exceptions).find((place) =>
        place.endsWith("/") ? path.startsWith(place) : path === place,
      );
      if (exception === undefined) errors.push(`${path}:${line + 1}: ${rule.instead}`);
      else used.add(exception);
    }
    for (const place of Object.keys(rule.exceptions)) {
      if (!used.has(place)) errors.push(`${place} needs no exception from "${rule.instead}"`);
    }
  }
  return errors;
}

/** Files that are too long, a sentence each. */
export function lengthErrors(files: readonly SourceFile[]): string[] {
  const errors: string[] = [];
  for (const { path, text } of files) {
    if (!path.endsWith(".ts")) continue;
    const lines = text.trimEnd().split("\n").length;
    if (lines > LINES_MAX) errors.push(`${path} has ${lines} lines, more than ${LINES_MAX}`);
  }
  return errors;
}

/** Files whose name is not in kebab-case, or says nothing, a sentence each. */
export function nameErrors(files: readonly SourceFile[]): string[] {
  const errors: string[] = [];
  for (const { path } of files) {
    if (!/\.(?:ts|json)$/.test(path)) continue;
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (!/^\.?[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+)*\.(?:ts|json)$/.test(name)) {
      errors.push(`${path} is not in kebab-case`);
    }
    if (/^(?:utils?|helpers?|common|misc|types|index)\.ts$/.test(name)) {
      errors.push(`${path} has a name that says nothing of what is in it`);
    }
  }
  return errors;
}

function isUnruled(path: string): boolean {
  return isTestFile(path) || /^(?:bench|docs|\.ci)\//.test(path);
}
