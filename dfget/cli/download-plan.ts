import { basename } from "node:path";
import type { Static } from "typebox";

import { EXIT, UserError } from "../../platform/user-error.ts";
import { parseDigest } from "../../protocol/digest.ts";
import { URL_LENGTH_MAX } from "../../protocol/limits.ts";
import type { dfgetConfigSchema } from "../config.ts";
import { FILTERS_MAX, TAG_LENGTH_MAX } from "../daemon/api-schema.ts";
import type { DownloadRequest } from "../daemon/api-schema.ts";
import { readHeaderOptions } from "./header-option.ts";
import type { Output } from "./output-name.ts";
import { outputOf } from "./output-name.ts";

/** What one call of dfget is to do, checked. */
export interface DownloadPlan {
  readonly request: DownloadRequest;
  readonly output: Output;
  /** How the file is called in messages. */
  readonly name: string;
  /** The target as the user may name it; "-" is standard output. */
  readonly outputText: string;
}

/** Reads the options of `dfget URL`. Throws UserError with one sentence about the first that is wrong. */
export function planDownload(
  config: Static<typeof dfgetConfigSchema>,
  positionals: readonly string[],
): DownloadPlan {
  const [text] = positionals;
  if (text === undefined) throw usage("there is no URL to download; see dfget --help");
  const url = checkUrl(text);
  if (config.digest !== undefined && parseDigest(config.digest) === undefined) {
    throw usage(
      `--digest must be sha256: with 64 or sha512: with 128 lower-case hex digits, not ${JSON.stringify(config.digest)}`,
    );
  }
  if (config.filter.length > FILTERS_MAX) throw usage(`--filter can be given ${FILTERS_MAX} times`);
  if (config.tag.length > TAG_LENGTH_MAX) {
    throw usage(`--tag must have at most ${TAG_LENGTH_MAX} characters`);
  }
  const output = outputOf(config.output, url);
  if (output.kind === "stdout" && config.json) {
    throw usage("--json and -o - both want standard output; leave one of them out");
  }
  const outputText = output.kind === "stdout" ? "-" : output.path;
  return {
    output,
    outputText,
    name: output.kind === "stdout" ? nameOf(url) : basename(output.path),
    request: {
      url,
      headers: readHeaderOptions(config.header),
      ...(config.digest === undefined ? {} : { digest: config.digest }),
      ...(config.tag === "" ? {} : { tag: config.tag }),
      ...(config.filter.length === 0 ? {} : { filter: [...config.filter] }),
      ...(config.limitRate === 0 ? {} : { limitBytesPerSecond: config.limitRate }),
      ...(config.backSource ? {} : { backSource: false }),
    },
  };
}

function checkUrl(text: string): string {
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
  return url.href;
}

/** How the content is called where it has no file: by the URL's path, which holds no secret. */
function nameOf(url: string): string {
  const { pathname, host } = new URL(url);
  return basename(pathname) || host;
}

function usage(sentence: string): UserError {
  return new UserError(EXIT.usage, sentence);
}
