import type { Host } from "../../test/harness/network.ts";
import { writeHollowFile } from "./origin-files.ts";
import { timedCurl } from "./timed-curl.ts";

const PROBE_SECONDS = 2;
const NAME = "probe.bin";

/**
 * The share of a link's rate that one plain HTTP download between two hosts gets as content. `mbit` is the rate of
 * the slowest link between them.
 */
export async function measurePayloadFactor(
  options: {
    readonly directory: string;
    readonly originUrl: string;
    readonly host: Host;
    readonly mbit: number;
  },
  signal: AbortSignal,
): Promise<number> {
  const linkBytesPerSecond = (options.mbit * 1e6) / 8;
  await writeHollowFile(
    `${options.directory}/${NAME}`,
    Math.round(PROBE_SECONDS * linkBytesPerSecond),
  );
  const got = await timedCurl(options.host, `${options.originUrl}/${NAME}`, signal);
  return got.lengthBytes / (got.totalSeconds - got.firstByteSeconds) / linkBytesPerSecond;
}
