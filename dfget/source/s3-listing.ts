/** One page of a bucket's objects. */
export interface ObjectPage {
  readonly keys: readonly string[];
  readonly nextToken: string | undefined;
}

/** Reads the answer to ListObjectsV2. Returns undefined for anything else. */
export function readObjectList(xml: string): ObjectPage | undefined {
  if (!/<ListBucketResult[\s>]/.test(xml)) return undefined;
  const keys = [...xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)].flatMap(([, content]) => {
    const key = element(content!, "Key");
    return key === undefined ? [] : [key];
  });
  const isMore = element(xml, "IsTruncated") === "true";
  return { keys, nextToken: isMore ? element(xml, "NextContinuationToken") : undefined };
}

function element(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replaceAll(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w+));/gi,
    (whole, ten, hex, named) => {
      if (named !== undefined) {
        return { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" }[String(named)] ?? whole;
      }
      const code = ten === undefined ? Number.parseInt(String(hex), 16) : Number(ten);
      return code <= 0x10_ff_ff ? String.fromCodePoint(code) : whole;
    },
  );
}
