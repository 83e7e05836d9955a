import { AwsClient } from "aws4fetch";

import { EXIT, UserError } from "../../platform/user-error.ts";
import { fetchText } from "./read-body.ts";
import { readObjectList } from "./s3-listing.ts";
import { leftOut, safePath } from "./safe-path.ts";
import type { Source, SourceDeps } from "./source.ts";

/** How long a signed URL can be used: a download may be gone on with as long. */
const SIGNED_SECONDS = "43200";
/** What a signature adds to a URL; it does not tell objects apart. */
const SIGNATURE_PARAMETERS = [
  "X-Amz-Algorithm",
  "X-Amz-Credential",
  "X-Amz-Date",
  "X-Amz-Expires",
  "X-Amz-Security-Token",
  "X-Amz-Signature",
  "X-Amz-SignedHeaders",
];

/** Objects of S3 and of servers like it: `s3://bucket/key`, or all below a prefix with `--recursive`. */
export const s3Source: Source = {
  schemes: ["s3:"],
  async *find(url, deps, signal) {
    const { bucket, key } = parseS3Url(url, deps.options.isRecursive);
    const place = new Bucket(bucket, deps);
    if (!deps.options.isRecursive) {
      const filter = place.isSigned ? SIGNATURE_PARAMETERS : [];
      yield { kind: "file", url: await place.urlOf(key), filter };
      return;
    }
    const filter = place.isSigned ? SIGNATURE_PARAMETERS : [];
    const unusable: string[] = [];
    let token: string | undefined;
    do {
      const listed = await fetchText(deps.fetch, await place.listUrl(key, token), {}, signal);
      const page = readObjectList(listed.text);
      if (!page) {
        throw new UserError(
          EXIT.originFailed,
          `what ${bucket} answers is no list of objects; check --s3-endpoint`,
        );
      }
      for (const name of page.keys) {
        // A key with "/" at its end stands for a directory in some browsers.
        const path = safePath(name.slice(key.length).split("/"));
        if (path !== undefined) yield { kind: "file", url: await place.urlOf(name), filter, path };
        else if (!name.endsWith("/")) unusable.push(name);
      }
      token = page.nextToken;
    } while (token !== undefined);
    if (unusable.length > 0) yield leftOut(unusable, `s3://${bucket}/${key}`);
  },
};

class Bucket {
  readonly #base: string;
  readonly #client: AwsClient | undefined;

  constructor(bucket: string, { env, options }: SourceDeps) {
    const { s3Endpoint, s3Region } = options;
    const region =
      s3Region === "" ? (env["AWS_REGION"] ?? env["AWS_DEFAULT_REGION"] ?? "us-east-1") : s3Region;
    const endpoint = s3Endpoint ?? env["AWS_ENDPOINT_URL_S3"] ?? env["AWS_ENDPOINT_URL"];
    this.#base =
      endpoint === undefined
        ? `https://${bucket}.s3.${region}.amazonaws.com`
        : `${endpointOf(endpoint)}/${bucket}`;
    const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
    if (accessKeyId === undefined || secretAccessKey === undefined) return;
    const sessionToken = env["AWS_SESSION_TOKEN"];
    this.#client = new AwsClient({
      accessKeyId,
      secretAccessKey,
      service: "s3",
      region,
      ...(sessionToken === undefined ? {} : { sessionToken }),
    });
  }

  /** Whether there are credentials; without any, only what everybody may read can be had. */
  get isSigned(): boolean {
    return this.#client !== undefined;
  }

  async urlOf(key: string): Promise<string> {
    return await this.#signed(`${this.#base}/${key.split("/").map(encodePart).join("/")}`);
  }

  async listUrl(prefix: string, token: string | undefined): Promise<string> {
    const query = new URLSearchParams({ "list-type": "2", prefix, "max-keys": "1000" });
    if (token !== undefined) query.set("continuation-token", token);
    return await this.#signed(`${this.#base}/?${query.toString()}`);
  }

  async #signed(text: string): Promise<string> {
    if (!this.#client) return text;
    const url = new URL(text);
    url.searchParams.set("X-Amz-Expires", SIGNED_SECONDS);
    const { url: signed } = await this.#client.sign(url, {
      method: "GET",
      aws: { signQuery: true },
    });
    return signed;
  }
}

function parseS3Url(text: string, isPrefix: boolean): { bucket: string; key: string } {
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,62})\/?(.*)$/s.exec(text);
  const [, bucket, key = ""] = match ?? [];
  if (bucket === undefined || (key === "" && !isPrefix)) {
    throw new UserError(
      EXIT.usage,
      `${JSON.stringify(text)} must look like s3://bucket/key, with a bucket of 3 to 63 small letters, digits, dots and dashes`,
    );
  }
  if (!isPrefix && key.endsWith("/")) {
    throw new UserError(EXIT.usage, `${text} is a prefix; fetch what is below it with --recursive`);
  }
  const isOpen = isPrefix && key !== "" && !key.endsWith("/");
  return { bucket, key: isOpen ? `${key}/` : key };
}

function endpointOf(text: string): string {
  const url = URL.parse(text);
  if (url && (url.protocol === "http:" || url.protocol === "https:"))
    return text.replace(/\/+$/, "");
  throw new UserError(
    EXIT.usage,
    `--s3-endpoint must be an http or https URL, not ${JSON.stringify(text)}`,
  );
}

/** As signatures want it: everything but the unreserved characters of RFC 3986. */
function encodePart(part: string): string {
  return encodeURIComponent(part).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
