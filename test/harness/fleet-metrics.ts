import { request } from "undici";
import { parseMetrics, sumOf, type Sample } from "./metrics-text.ts";

/** Longer than a process is busy with anything, on a busy machine too. */
const ANSWER_MS_MAX = 60_000;

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
  const [seed, peer, origin] = [from("seed"), from("peers"), from("origin")];
  return { seed, peer, origin, total: seed + peer + origin };
}

/** How many requests for manifests and blobs the mirror of the node has answered. */
export async function answeredRequests(peerUrl: string): Promise<number> {
  const samples = await scrape(peerUrl);
  const of = (route: string): number => sumOf(samples, "registry_proxy_requests_total", { route });
  return of("manifest") + of("blob");
}

/** Reads `/metrics` of the supernode. */
export async function originUse(supernodeUrl: string): Promise<OriginUse> {
  const samples = await scrape(supernodeUrl);
  return {
    requests: sumOf(samples, "supernode_origin_requests_total"),
    bytes: sumOf(samples, "supernode_origin_received_bytes_total"),
  };
}

/** What the supernode has done for nodes so far. */
export interface SupernodeFigures {
  /** Bytes of pieces that the seed sent. */
  readonly seedSentBytes: number;
  /** Frames on the connections of nodes, by kind, both ways. */
  readonly frames: Readonly<Record<string, number>>;
}

/** Reads `/metrics` of the supernode. */
export async function supernodeFigures(supernodeUrl: string): Promise<SupernodeFigures> {
  const samples = await scrape(supernodeUrl);
  const frames: Record<string, number> = {};
  for (const { name, labels, value } of samples) {
    const kind = labels["kind"];
    if (/^supernode_frames_(sent|received)_total$/.test(name) && kind !== undefined) {
      frames[kind] = (frames[kind] ?? 0) + value;
    }
  }
  return {
    seedSentBytes: sumOf(samples, "supernode_seed_sent_bytes_total"),
    frames,
  };
}

async function scrape(url: string): Promise<readonly Sample[]> {
  const limits = { headersTimeout: ANSWER_MS_MAX, bodyTimeout: ANSWER_MS_MAX };
  const answer = await request(`${url}/metrics`, limits).catch((error: unknown) => {
    throw new Error(`${url}/metrics does not answer: ${(error as Error).message}`, {
      cause: error,
    });
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`${url}/metrics answered ${answer.statusCode}`);
  return parseMetrics(text);
}

/** The sum of all samples of a metric of a process. */
export async function metricOf(url: string, name: string): Promise<number> {
  return sumOf(await scrape(url), name);
}
