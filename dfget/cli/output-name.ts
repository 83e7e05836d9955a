import { statSync } from "node:fs";
import { join } from "node:path";

import { EXIT, UserError } from "../../platform/user-error.ts";

const NAME_BYTES_MAX = 255;

/** Where the content goes: a path, or standard output. */
export type Output =
  | {
      readonly kind: "file";
      readonly path: string;
      /** A directory that is made first. */
      readonly newDirectory?: string;
    }
  | { readonly kind: "stdout" };

/**
 * Where `-o` sends the content. Without it, for a directory named with a "/" at its end and for each of several
 * files, the file takes its name from the URL, or has the `path` that is known for it. Throws UserError when there is
 * no usable name or a directory is meant as a file.
 */
export function outputOf(
  option: string | undefined,
  url: string,
  { isOneOfMany = false, path }: { isOneOfMany?: boolean; path?: string | undefined } = {},
): Output {
  if (option === "-") return { kind: "stdout" };
  const name = (): string => path ?? nameFromUrl(url);
  if (option === "") {
    throw new UserError(EXIT.usage, "-o names no file; leave it out, or name a file or directory");
  }
  if (option === undefined) return { kind: "file", path: name() };
  if (path !== undefined) return { kind: "file", path: join(option, path) };
  const isThere = isDirectory(option);
  if (option.endsWith("/") || isOneOfMany) {
    if (isThere) return { kind: "file", path: join(option, name()) };
    if (option.endsWith("/") && !isFile(option)) {
      return { kind: "file", path: join(option, name()), newDirectory: option };
    }
    throw new UserError(
      EXIT.localFile,
      isOneOfMany
        ? `there are several files, so -o must name a directory, and ${option} is none; write ${option}/ to have it made`
        : `${option} is no directory but a file; leave the / off to replace it`,
    );
  }
  if (isThere) {
    throw new UserError(
      EXIT.localFile,
      `${option} is a directory; write ${option}/ to put the file into it`,
    );
  }
  return { kind: "file", path: option };
}

/** The decoded last part of a URL's path. Throws UserError (usage) when it can be no file name. */
export function nameFromUrl(url: string): string {
  const part = new URL(url).pathname.split("/").at(-1) ?? "";
  const name = decode(part);
  if (name === "" || name === "." || name === "..") {
    throw new UserError(EXIT.usage, "the URL does not end in a file name; give one with -o");
  }
  if (/[/\p{Cc}]/u.test(name) || Buffer.byteLength(name) > NAME_BYTES_MAX) {
    throw new UserError(
      EXIT.usage,
      "the last part of the URL cannot be a file name; give one with -o",
    );
  }
  return name;
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    // Whatever it is, opening the target says it better.
    return false;
  }
}

function isFile(path: string): boolean {
  try {
    return !statSync(path.replace(/\/+$/, "")).isDirectory();
  } catch {
    return false;
  }
}

/** Undoes percent-encoding; what is none stays as it is. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
