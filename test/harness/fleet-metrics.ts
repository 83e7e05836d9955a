import { request } from "undici";
import { parseMetrics, sumOf, type Sample } from "./metrics-text.ts";

/** Bytes of pieces that a node received, by where they came from. */
export interface ReceivedBytes {
  readonly seed: number;
  readonly peer: number;
  readonly origin: number;
  readonly total: number;
}

/** What the supernode asked of origins. */
export interface OriginUse {
  readonly requests: number;
  readonly bytes: number;
}

/** Reads `/metrics` of the node whose peer port is at `peerUrl`. */
export async function receivedBytes(peerUrl: string): Promise<ReceivedBytes> {
  const samples = await scrape(peerUrl);
  const from = (source: string): number =>
    sumOf(samples, "darter_received_bytes_total", { source });
  const [seed, peer, origin] = [from("seed"), from("peer"), from("origin")];
  return { seed, peer, origin, total: seed + peer + origin };
}

/** Reads `/metrics` of the supernode. */
export async function originUse(supernodeUrl: string): Promise<OriginUse> {
  const samples = await scrape(supernodeUrl);
  return {
    requests: sumOf(samples, "supernode_origin_requests_total"),
    bytes: sumOf(samples, "supernode_origin_received_bytes_total"),
  };
}

async function scrape(url: string): Promise<readonly Sample[]> {
  const answer = await request(`${url}/metrics`, { headersTimeout: 10_000, bodyTimeout: 10_000 });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`${url}/metrics answered ${answer.statusCode}`);
  return parseMetrics(text);
}
