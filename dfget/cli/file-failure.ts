import { lstatSync, statSync } from "node:fs";
import { dirname } from "node:path";

import { EXIT, UserError } from "../../platform/user-error.ts";

/** What a failed operation on the target means, as one sentence for the user. */
export function fileFailure(error: unknown, path: string): Error {
  const code = (error as NodeJS.ErrnoException).code;
  const sentence = code === undefined ? undefined : sentenceOf(code, path);
  if (sentence !== undefined) return new UserError(EXIT.localFile, sentence, error);
  return error instanceof Error ? error : new Error(String(error));
}

function sentenceOf(code: string, path: string): string | undefined {
  const directory = dirname(path);
  switch (code) {
    case "ENOENT":
      return absence(path, directory);
    case "EEXIST":
      return `${path} is there already, and is not a directory; remove it or choose another place`;
    case "ENOTDIR":
      return `${directory} is not a directory`;
    case "EISDIR":
      return `${path} is a directory; write ${path}/ to put the file into it`;
    case "EACCES":
    case "EPERM":
      return `${path} cannot be written: permission denied in ${directory}`;
    case "EROFS":
      return `${path} cannot be written: the file system is read-only`;
    case "ENOSPC":
      return `the disk that holds ${directory} is full; make room and try again`;
    case "EDQUOT":
      return `the disk quota for ${directory} is used up; make room and try again`;
    case "EFBIG":
      return `${path} cannot be written: the file is too large for the file system or the user's limit`;
    case "ENAMETOOLONG":
      return `${path} is too long for a path`;
    case "ELOOP":
      return `${path} cannot be written: it is one of links that lead in a circle`;
    case "EPIPE":
      return `the reader of ${path} went away`;
    case "EIO":
      return `${path} cannot be written: the disk reports an error`;
    default:
      return /^E[A-Z0-9]+$/.test(code) ? `${path} cannot be written (${code})` : undefined;
  }
}

/** Some file systems say of a new file that it is absent, where they take none. */
function absence(path: string, directory: string): string {
  const isThere = statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true;
  if (!isThere) return `the directory ${directory} does not exist; make it first`;
  if (directory === ".") return "the current directory is gone; change to another one";
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true)
    return `${path} is a link into a directory that does not exist; make it first`;
  return `${path} cannot be written: ${directory} takes no new files`;
}
