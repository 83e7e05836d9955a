import type { IncomingMessage } from "node:http";

import { AwsClient } from "aws4fetch";
import { sourceConformance } from "../../test/conformance/source.ts";
import { s3Source } from "./s3-source.ts";

const KEYS = { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "wJalrXUtnFEMI/K7MDENG" };
const PAGE = 1000;
const files = new Map(
  Array.from({ length: 10_000 }, (_, i): [string, string] => [
    `d${i % 7}/file ${i} (+&é).bin`,
    `content ${i}`,
  ]),
);

/** Whether a request is signed by KEYS: the signature made again from what it says is the same. */
async function isSigned({ url, headers }: IncomingMessage): Promise<boolean> {
  const asked = new URL(url ?? "/", `http://${headers.host}`);
  const signature = asked.searchParams.get("X-Amz-Signature");
  const datetime = asked.searchParams.get("X-Amz-Date");
  if (signature === null || datetime === null) return false;
  for (const name of Array.from(asked.searchParams.keys())) {
    if (name.startsWith("X-Amz-") && name !== "X-Amz-Expires") asked.searchParams.delete(name);
  }
  const client = new AwsClient({
    accessKeyId: KEYS.AWS_ACCESS_KEY_ID,
    secretAccessKey: KEYS.AWS_SECRET_ACCESS_KEY,
    service: "s3",
    region: "eu-1",
  });
  const again = await client.sign(asked, { method: "GET", aws: { signQuery: true, datetime } });
  return new URL(again.url).searchParams.get("X-Amz-Signature") === signature;
}

function listing(prefix: string, token: string): string {
  const keys = [...files.keys()]
    .map((path) => `tree/${path}`)
    .filter((key) => key.startsWith(prefix));
  const start = Number(token);
  const escaped = (text: string): string => text.replaceAll("&", "&amp;");
  const contents = keys
    .slice(start, start + PAGE)
    .map((key) => `<Contents><Key>${escaped(key)}</Key><Size>1</Size></Contents>`)
    .join("");
  const isMore = start + PAGE < keys.length;
  const next = isMore ? `<NextContinuationToken>${start + PAGE}</NextContinuationToken>` : "";
  const hostile =
    "<Contents><Key>tree/../../etc/passwd</Key></Contents><Contents><Key>tree/sub/</Key></Contents>";
  return `<?xml version="1.0"?><ListBucketResult xmlns="http://s3"><IsTruncated>${isMore}</IsTruncated>${contents}${hostile}${next}</ListBucketResult>`;
}

sourceConformance("a bucket of an S3-compatible server", s3Source, {
  files,
  fetchOneOf: 20,
  urlOf: () => "s3://bucket/tree",
  absentUrlOf: () => "s3://other-bucket/tree/",
  options: (s3Endpoint) => ({ s3Endpoint, s3Region: "eu-1" }),
  env: KEYS,
  wrongEnv: { ...KEYS, AWS_SECRET_ACCESS_KEY: "something-else" },
  serve(request, response) {
    void (async () => {
      const url = new URL(request.url ?? "/", "http://s3");
      const [, bucket, ...key] = url.pathname.split("/").map(decodeURIComponent);
      if (!(await isSigned(request))) return void response.writeHead(403).end("<Error/>");
      if (bucket !== "bucket") return void response.writeHead(404).end("<Error/>");
      if (url.searchParams.get("list-type") === "2") {
        const token = url.searchParams.get("continuation-token") ?? "0";
        return void response.end(listing(url.searchParams.get("prefix") ?? "", token));
      }
      const content = files.get(key.join("/").slice("tree/".length));
      return void (content === undefined ? response.writeHead(404).end() : response.end(content));
    })();
  },
});
