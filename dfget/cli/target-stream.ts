import type { Writable } from "node:stream";

import { EXIT, UserError } from "../../platform/user-error.ts";
import { fileFailure } from "./file-failure.ts";
import type { Target } from "./target-file.ts";

/** A target that passes the content on as it comes, for `-o -`. It does not end the stream. */
export function streamTarget(stream: Writable, name: string): Target {
  let failure: Error | undefined;
  const onError = (error: unknown): void => {
    failure ??= fileFailure(error, name);
  };
  stream.on("error", onError);
  return {
    async write(bytes) {
      if (failure !== undefined) throw failure;
      await new Promise<void>((resolve, reject) => {
        stream.write(bytes, (error) => (error ? reject(fileFailure(error, name)) : resolve()));
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
