import { readFile } from "node:fs/promises";
import { request } from "undici";
import { parseAccessLog, type AccessRecord } from "./access-log.ts";
import { until } from "./until.ts";

/** Paths that the log itself asks for; no server has anything there. */
const MARK = "/mark-of-the-log-";

/**
 * The access log of a real server, read from its file. A server writes a record when an answer has left, which may be after the
 * client has it: each reading asks the server for something and waits for the record of that, which comes after the others.
 */
export class ServerLog {
  readonly #path: string;
  readonly #url: string;
  #skipped = 0;
  #markCount = 0;

  /** `path` is the file's, `url` where the server answers, as in `http://127.0.0.1:80`. */
  constructor(path: string, url: string) {
    this.#path = path;
    this.#url = url;
  }

  /** The requests whose answers have come so far, without those before the last `forget`. */
  async records(): Promise<readonly AccessRecord[]> {
    return (await this.#all()).slice(this.#skipped);
  }

  /** Leaves out, from here on, everything that was answered until now. */
  async forget(): Promise<void> {
    this.#skipped = (await this.#all()).length;
  }

  async #all(): Promise<readonly AccessRecord[]> {
    const mark = `${MARK}${this.#markCount++}`;
    const answer = await request(this.#url + mark, { reset: true });
    await answer.body.dump();
    const records = await until(
      async () => {
        const all = parseAccessLog(await readFile(this.#path, "utf8"));
        return all.some(({ path }) => path === mark) && all;
      },
      { what: `${mark} in the access log ${this.#path}`, intervalMs: 5 },
    );
    return records.filter(({ path }) => !path.startsWith(MARK));
  }
}
