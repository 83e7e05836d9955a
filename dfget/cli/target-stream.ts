import type { Writable } from "node:stream";

import { EXIT, UserError } from "../../platform/user-error.ts";
import type { Target } from "./target-file.ts";

/** A target that passes the content on as it comes, for `-o -`. It does not end the stream. */
export function streamTarget(stream: Writable, name: string): Target {
  let failure: Error | undefined;
  const onError = (error: unknown): void => {
    failure ??= streamFailure(error, name);
  };
  stream.on("error", onError);
  return {
    async write(bytes) {
      if (failure !== undefined) throw failure;
      await new Promise<void>((resolve, reject) => {
        stream.write(bytes, (error) => (error ? reject(streamFailure(error, name)) : resolve()));
      });
    },
    restart: async () => {
      throw new UserError(
        EXIT.originFailed,
        `the file changed at the origin while it was read, and part of it is on ${name} already; throw that away and ask for it again`,
      );
    },
    commit: async () => undefined,
    // The listener stays: an error that comes late must not end the program by itself.
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function streamFailure(error: unknown, name: string): Error {
  const { code = "closed" } = error as NodeJS.ErrnoException;
  const sentence =
    code === "EPIPE"
      ? `the reader of ${name} went away`
      : code === "ENOSPC" || code === "EDQUOT"
        ? `${name} goes to a disk that is full; make room and try again`
        : `${name} cannot be written (${code})`;
  return new UserError(EXIT.localFile, sentence, error);
}
