import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { ServerLog } from "./harness/server-log.ts";
import { TemporaryDirectory } from "./harness/temporary-directory.ts";

it("the log of a server has the records of all answers that have come, although the server writes them late", async () => {
  await using directory = await TemporaryDirectory.create("log");
  const file = directory.join("access.log");
  // A server makes its log when it starts.
  await writeFile(file, "");
  await using server = createServer((request, response) => {
    response.end("answer");
    const record = `127.0.0.1 - - [now] "GET ${request.url} HTTP/1.1" 200 6 "-" "test"\n`;
    setTimeout(() => appendFileSync(file, record), 30);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const log = new ServerLog(file, url);
  await (await fetch(`${url}/before`)).text();
  await log.forget();
  await (await fetch(`${url}/after`)).text();
  const records = await log.records();
  expect(records.map(({ path }) => path)).toEqual(["/after"]);
});
