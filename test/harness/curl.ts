import { readFile } from "node:fs/promises";
import { mustRun } from "./run-command.ts";
import { TemporaryDirectory } from "./temporary-directory.ts";

export interface CurlAnswer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** One request by the real curl; `args` come before the address. */
export async function curl(
  url: string,
  options: {
    readonly args?: readonly string[];
    readonly networkNamespace?: string | undefined;
  } = {},
): Promise<CurlAnswer> {
  await using directory = await TemporaryDirectory.create("curl");
  const [head, body] = [directory.join("head"), directory.join("body")];
  await mustRun({
    command: "curl",
    args: ["-sS", "--max-time", "120", "-D", head, "-o", body, ...(options.args ?? []), url],
    networkNamespace: options.networkNamespace,
  });
  const { status, headers } = parseHead(await readFile(head, "utf8"));
  return { status, headers, body: await readFile(body).catch(() => Buffer.alloc(0)) };
}

/** Status and headers of a response head, the last one when a text holds several. */
export function parseHead(text: string): Omit<CurlAnswer, "body"> {
  const last =
    text
      .trim()
      .split(/\r?\n\r?\n/)
      .at(-1) ?? "";
  const [statusLine = "", ...lines] = last.split(/\r?\n/);
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return { status: Number(statusLine.split(" ")[1]), headers: Object.fromEntries(headers) };
}
