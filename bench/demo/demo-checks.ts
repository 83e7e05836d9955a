import type { Descriptor } from "../../test/harness/oci-layout.ts";
import type { RegistryFigures } from "./demo-registry.ts";
import type { DemoResult } from "./demo-table.ts";

/** Manifests may be asked for by tag as well as by digest; they are far below this share of an image. */
const ORIGIN_SHARE_MAX = 1.001;

/**
 * What the demo promises, looked at in the figures that it measured. Returns a sentence for each
 * promise that was broken.
 */
export function brokenPromises(
  result: DemoResult,
  figures: RegistryFigures,
  blobs: readonly Descriptor[],
): readonly string[] {
  const broken: string[] = [];
  for (const { digest } of blobs) {
    const count = figures.blobRequests.get(digest) ?? 0;
    if (count !== 1) broken.push(`the registry was asked ${count} times for ${digest}, not once`);
  }
  const share = result.sentBytes / result.imageBytes;
  if (share < 0.999 || share > ORIGIN_SHARE_MAX) {
    broken.push(`the registry sent ${share.toFixed(4)} x the image, not 1.0 x`);
  }
  const all = result.nodes.reduce((sum, { received }) => sum + received.total, 0);
  const fromPeers = result.nodes.reduce((sum, { received }) => sum + received.peer, 0);
  if (fromPeers * 2 <= all) {
    broken.push(
      `peers supplied ${((100 * fromPeers) / all).toFixed(0)} % of the bytes, not more than half`,
    );
  }
  const fromOrigin = result.nodes.reduce((sum, { received }) => sum + received.origin, 0);
  if (fromOrigin > 0) broken.push(`nodes read ${fromOrigin} bytes from the origin themselves`);
  return broken;
}
