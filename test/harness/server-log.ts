import { readFile } from "node:fs/promises";
import { parseAccessLog, type AccessRecord } from "./access-log.ts";
import { until } from "./until.ts";

/** The access log of a real server, read from its file. Servers write a record when the answer has ended. */
export class ServerLog {
  readonly #path: string;
  #skipped = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** The requests so far, without those before the last `forget`. */
  async records(): Promise<readonly AccessRecord[]> {
    return (await this.#all()).slice(this.#skipped);
  }

  /** Leaves out, from here on, everything logged until now. */
  async forget(): Promise<void> {
    this.#skipped = (await this.#all()).length;
  }

  /** Waits until a request that `matches` is in the log and returns all that are there then. */
  async waitFor(
    matches: (record: AccessRecord) => boolean,
    what: string,
  ): Promise<readonly AccessRecord[]> {
    return await until(
      async () => {
        const records = await this.records();
        return records.some(matches) && records;
      },
      { what: `${what} in the access log` },
    );
  }

  async #all(): Promise<readonly AccessRecord[]> {
    return parseAccessLog(await readFile(this.#path, "utf8").catch(() => ""));
  }
}
