import type { Clock } from "../../platform/clock.ts";
import type { Host } from "../../test/harness/network.ts";
import { allOrNone } from "./all-or-none.ts";
import type { OriginFile } from "./origin-files.ts";
import { timedCurl } from "./timed-curl.ts";

/**
 * Lets every host fetch all files straight from the origin, beginning at its arrival. Returns the seconds from the
 * first beginning until the last host had everything.
 */
export async function directPull(
  options: {
    readonly hosts: readonly Host[];
    readonly originUrl: string;
    readonly files: readonly OriginFile[];
    readonly arrivalsMs: readonly number[];
  },
  clock: Clock,
  signal: AbortSignal,
): Promise<number> {
  const startMs = clock.nowMs();
  const pulls = options.hosts.flatMap((host, index) =>
    options.files.map(({ name, lengthBytes }) => async (ending: AbortSignal) => {
      await clock.sleep(options.arrivalsMs[index] ?? 0, ending);
      const got = await timedCurl(host, `${options.originUrl}/${name}`, ending);
      if (got.lengthBytes !== lengthBytes) {
        throw new Error(`host ${host.index} got ${got.lengthBytes} bytes of ${name}`);
      }
    }),
  );
  await allOrNone(pulls, signal);
  return (clock.nowMs() - startMs) / 1000;
}
