import { EXIT, UserError } from "../../platform/user-error.ts";
import { FILTERS_MAX, TAG_LENGTH_MAX } from "../daemon/request-limits.ts";
import type { DfgetConfig } from "./download-plan.ts";

/** Two flags that cannot both be meant, and why. */
interface Conflict {
  readonly flags: readonly [string, string];
  readonly why: string;
  readonly isThere: (config: DfgetConfig) => boolean;
}

/** All pairs of flags that exclude each other. */
export const CONFLICTS: readonly Conflict[] = [
  {
    flags: ["--overwrite", "--continue"],
    why: "one begins anew and the other goes on",
    isThere: (config) => config.overwrite && config.continue,
  },
  {
    flags: ["--overwrite", "--no-clobber"],
    why: "one replaces what is there and the other leaves it alone",
    isThere: (config) => config.overwrite && !config.clobber,
  },
  {
    flags: ["--continue", "--no-clobber"],
    why: "one completes what is there and the other leaves it alone",
    isThere: (config) => config.continue && !config.clobber,
  },
  {
    flags: ["--digest", "--range"],
    why: "a digest is that of the whole file",
    isThere: (config) => config.digest !== undefined && config.range !== undefined,
  },
  {
    flags: ["--hard-link", "--range"],
    why: "a part of a file cannot be linked",
    isThere: (config) => config.hardLink && config.range !== undefined,
  },
  {
    flags: ["--hard-link", "--direct"],
    why: "without the daemon there is nothing to link to",
    isThere: (config) => config.hardLink && isDirect(config),
  },
  {
    flags: ["--hard-link", "--mode"],
    why: "a link has the rights of the file it shares",
    isThere: (config) => config.hardLink && config.mode !== undefined,
  },
  {
    flags: ["--no-back-source", "--direct"],
    why: "one forbids to read the origin and the other reads nothing else",
    isThere: (config) => !config.backSource && isDirect(config),
  },
  {
    flags: ["--no-netrc", "--netrc-file"],
    why: "one forbids such a file and the other names one",
    isThere: (config) => !config.netrc && config.netrcFile !== undefined,
  },
  {
    flags: ["--insecure", "--cacert"],
    why: "one checks no certificate and the other says how",
    isThere: (config) => config.insecure && config.cacert !== undefined,
  },
  {
    flags: ["--json", "-o -"],
    why: "both want standard output",
    isThere: (config) => config.json && config.output === "-",
  },
  {
    flags: ["--json", "--quiet"],
    why: "one reports every event and the other none",
    isThere: (config) => config.json && config.quiet,
  },
  {
    flags: ["--json", "--console"],
    why: "both write to standard output",
    isThere: (config) => config.json && config.console,
  },
  {
    flags: ["--console", "-o -"],
    why: "both want standard output",
    isThere: (config) => config.console && config.output === "-",
  },
];

/** Whether this process reads the origin itself: it was asked to, or nobody else may see a key. */
export function isDirect(config: DfgetConfig): boolean {
  const { direct, insecure, cacert, cert, key } = config;
  return direct || insecure || [cacert, cert, key].some((path) => path !== undefined);
}

/** Checks options whose values do not go together. Throws UserError (usage) with a hint. */
export function checkOptions(config: DfgetConfig, fileCount: number): void {
  const conflict = CONFLICTS.find(({ isThere }) => isThere(config));
  if (conflict) {
    const [first, second] = conflict.flags;
    throw usage(
      `${first} and ${second} exclude each other: ${conflict.why}; leave one of them out`,
    );
  }
  if (config.key !== undefined && config.cert === undefined) {
    throw usage("--key goes with --cert; name the certificate too");
  }
  if (config.mode !== undefined && !/^[0-7]{3,4}$/.test(config.mode)) {
    throw usage(`--mode must be octal digits such as 0644, not ${JSON.stringify(config.mode)}`);
  }
  if (config.filter.length > FILTERS_MAX) throw usage(`--filter can be given ${FILTERS_MAX} times`);
  if (config.tag.length > TAG_LENGTH_MAX) {
    throw usage(`--tag must have at most ${TAG_LENGTH_MAX} characters`);
  }
  if (config.digest !== undefined && fileCount > 1) {
    throw usage("--digest is that of one file, but several are asked for; call dfget for each");
  }
}

function usage(sentence: string): UserError {
  return new UserError(EXIT.usage, `${sentence}; see dfget --help`);
}
