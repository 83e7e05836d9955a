import type { NeighbourListing } from "../../daemon/cache-schema.ts";
import { orNoDaemon } from "./absent-daemon.ts";
import type { CacheCall } from "./run-cache.ts";
import { tableLines } from "./task-listing.ts";

/** `dfget peers`. */
export async function listNeighbours({ client, isJson, signal, print }: CacheCall): Promise<void> {
  const request = { method: "GET", path: "/v1/peers" } as const;
  const listing = (await orNoDaemon(client.ask(request, signal))) as NeighbourListing;
  if (isJson) return print(JSON.stringify(listing));
  const { supernode, neighbours } = listing;
  print(supernode === undefined ? "no supernode is connected" : `supernode ${supernode}`);
  const rows = neighbours.map(({ nodeId, endpoint }) => [nodeId, endpoint]);
  if (rows.length > 0) for (const line of tableLines([["NODE", "ADDRESS"], ...rows])) print(line);
  print(`${rows.length} neighbours; a connection without a common task is closed after a while`);
}
