import type { ImagePlace } from "./pull-client.ts";
import { pullImage } from "./pull-client.ts";
import { pullWithSkopeo } from "./skopeo-client.ts";

/** What pulls the image in the demo. */
export type ClientKind = "skopeo" | "built-in";

/**
 * Pulls the image from all places at the same moment. Returns how long each pull took, in
 * milliseconds, in the order of the places; when one fails, the others are ended and it throws.
 */
export async function pullAtOnce(
  kind: ClientKind,
  places: readonly ImagePlace[],
  directory: string,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const failing = new AbortController();
  const ending = AbortSignal.any([signal, failing.signal]);
  const startMs = performance.now();
  const pulls = places.map(async (place, i) => {
    try {
      if (kind === "built-in") await pullImage(place, ending);
      else await pullWithSkopeo(place, `${directory}/${i}`, ending);
      return performance.now() - startMs;
    } catch (error) {
      failing.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(pulls);
  signal.throwIfAborted();
  failing.signal.throwIfAborted();
  return await Promise.all(pulls);
}
