import { basename } from "node:path";
import type { Static } from "typebox";

import { EXIT, UserError } from "../../platform/user-error.ts";
import { URL_LENGTH_MAX } from "../../protocol/limits.ts";
import type { dfgetConfigSchema } from "../config.ts";
import type { DownloadRequest } from "../daemon/api-schema.ts";
import type { WantedFile } from "../source/source.ts";
import type { Checksum } from "./checksum.ts";
import { formatChecksum, parseChecksum } from "./checksum.ts";
import { readHeaderOptions } from "./header-option.ts";
import type { Netrc } from "./netrc.ts";
import { loadNetrc } from "./netrc.ts";
import type { Output } from "./output-name.ts";
import { outputOf } from "./output-name.ts";
import type { WantedRange } from "./range-option.ts";
import { parseRangeOption } from "./range-option.ts";
import { checkOptions } from "./option-conflicts.ts";

export type DfgetConfig = Static<typeof dfgetConfigSchema>;

/** What is done where the target is there already: see the flags of the same names. */
export type Existing = "replace" | "overwrite" | "continue" | "no-clobber";

/** What is to be done about one URL, checked. */
export interface DownloadPlan {
  /** Without a range: that is {@link range}, which an attempt may narrow. */
  readonly request: DownloadRequest;
  readonly range: WantedRange | undefined;
  /** What the whole content must have. */
  readonly checksum: Checksum | undefined;
  readonly output: Output;
  /** How the file is called in messages. */
  readonly name: string;
  /** The target as the user may name it; "-" is standard output. */
  readonly outputText: string;
  readonly existing: Existing;
  /** The rights of the file; undefined for the usual ones. */
  readonly mode: number | undefined;
  /** Whether the file gets the time that the origin says. */
  readonly keepsTime: boolean;
  readonly mayBeLink: boolean;
}

/**
 * Reads the options of `dfget URL...` and makes a plan for each file. Throws UserError with one sentence about the
 * first thing that is wrong.
 */
export function planDownloads(
  config: DfgetConfig,
  files: readonly WantedFile[],
  env: Readonly<Record<string, string | undefined>>,
): DownloadPlan[] {
  checkOptions(config, files.length);
  const netrc = config.netrc ? loadNetrc(config.netrcFile, env) : undefined;
  const headers = readHeaderOptions(config.header);
  const plans = files.map((file) =>
    planFile(config, file, { headers, netrc, count: files.length }),
  );
  checkTargets(plans);
  return plans;
}

function planFile(
  config: DfgetConfig,
  file: WantedFile,
  shared: {
    readonly headers: Readonly<Record<string, string>>;
    readonly netrc: Netrc | undefined;
    readonly count: number;
  },
): DownloadPlan {
  const url = checkUrl(file.url);
  const checksum = file.checksum ?? checksumOf(config.digest);
  const output = outputOf(config.output, url.href, {
    isOneOfMany: shared.count > 1,
    path: file.path,
  });
  const filter = [...config.filter, ...(file.filter ?? [])];
  return {
    output,
    outputText: output.kind === "stdout" ? "-" : output.path,
    name: output.kind === "stdout" ? nameOf(url) : basename(output.path),
    checksum,
    range: config.range === undefined ? undefined : parseRangeOption(config.range),
    existing: existingOf(config),
    mode: config.mode === undefined ? undefined : Number.parseInt(config.mode, 8),
    keepsTime: config.mtime,
    mayBeLink: config.hardLink,
    request: {
      url: url.href,
      headers: withNetrc({ ...file.headers, ...shared.headers }, url, shared.netrc),
      ...(checksum === undefined || checksum.algorithm === "md5"
        ? {}
        : { digest: formatChecksum(checksum) }),
      ...(config.tag === "" ? {} : { tag: config.tag }),
      ...(filter.length === 0 ? {} : { filter }),
      ...(config.limitRate === 0 ? {} : { limitBytesPerSecond: config.limitRate }),
      ...(config.backSource ? {} : { backSource: false }),
    },
  };
}

function existingOf(config: DfgetConfig): Existing {
  if (!config.clobber) return "no-clobber";
  if (config.continue) return "continue";
  return config.overwrite ? "overwrite" : "replace";
}

function checksumOf(text: string | undefined): Checksum | undefined {
  if (text === undefined) return undefined;
  const checksum = parseChecksum(text);
  if (checksum) return checksum;
  throw usage(
    `--digest must be sha256: with 64, sha512: with 128 or md5: with 32 hex digits, not ${JSON.stringify(text)}`,
  );
}

function withNetrc(
  headers: Record<string, string>,
  url: URL,
  netrc: Netrc | undefined,
): Record<string, string> {
  if (url.username !== "" || url.password !== "" || "authorization" in headers) return headers;
  const entry = netrc?.(url.hostname);
  if (!entry) return headers;
  const pair = Buffer.from(`${entry.login}:${entry.password}`).toString("base64");
  return { ...headers, authorization: `Basic ${pair}` };
}

function checkUrl(text: string): URL {
  const url = URL.parse(text);
  if (!url || !text.includes(":")) {
    throw usage(`${JSON.stringify(text)} is not a URL; it must look like https://host/path`);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw usage(`${url.protocol}// is not supported; use an http or https URL`);
  }
  if (url.href.length > URL_LENGTH_MAX) {
    throw usage(`the URL is longer than ${URL_LENGTH_MAX} characters`);
  }
  return url;
}

/** Two files at one place would be one, and which one would be a matter of luck. */
function checkTargets(plans: readonly DownloadPlan[]): void {
  const paths = new Set<string>();
  for (const { output } of plans) {
    if (output.kind === "stdout") continue;
    if (paths.has(output.path)) {
      throw usage(`two URLs end in the same name and would both be written to ${output.path}`);
    }
    paths.add(output.path);
  }
}

/** How the content is called where it has no file: by the URL's path, which holds no secret. */
function nameOf({ pathname, host }: URL): string {
  return basename(pathname) || host;
}

function usage(sentence: string): UserError {
  return new UserError(EXIT.usage, sentence);
}
