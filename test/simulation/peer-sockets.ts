import type { SwarmOut } from "../../dfget/swarm/swarm.ts";
import { ORIGIN } from "../../dfget/swarm/swarm.ts";
import { Fetch } from "./fetch.ts";
import { checkAnnounced } from "./invariants.ts";
import { OriginRead } from "./origin-read.ts";
import type { PeerNode } from "./peer-node.ts";
import type { World } from "./world.ts";

/** What a peer's swarm can do, as events in the world. */
export function peerSockets(world: World, peer: PeerNode): SwarmOut {
  const { host } = peer;
  return {
    hello: (to, task, have, free, ageMs, wants, isUnanswered) => {
      const map = have.clone();
      checkAnnounced(host, peer.verified.get(task), map);
      const mask = wants?.clone();
      world.send(peer, to, (other) =>
        other.swarm.onHello(world.nowMs, host, task, map, free, ageMs, mask, isUnanswered),
      );
    },
    have: (to, task, pieces, free) => {
      checkAnnounced(host, peer.verified.get(task), pieces);
      world.sendAll(peer, to, (other) => other.swarm.onHave(world.nowMs, host, task, pieces, free));
    },
    grant: (to, task) =>
      world.send(peer, to, (other) => other.swarm.onGrant(world.nowMs, host, task)),
    decline: (to, task, reason, free) =>
      world.send(peer, to, (other) => other.swarm.onDecline(world.nowMs, host, task, reason, free)),
    request: (from, task, piece) => peer.addFetch(new Fetch(world, peer, from, task, piece)),
    abort: (from, task, piece) => {
      if (from === ORIGIN) {
        const read = peer.originReads.find((r) => r.task === task && r.firstPiece === piece);
        if (read === undefined) return;
        read.cancel();
        peer.originEnded(read);
        return;
      }
      const fetch = peer.fetchOf(from, task, piece);
      if (fetch === undefined) return;
      fetch.cancel();
      peer.removeFetch(fetch);
    },
    requestOrigin: (task, first, count) => {
      const read = new OriginRead(world, peer, task, first, count);
      peer.originReads.push(read);
      read.begin();
    },
    claim: (to, task, first, count, owner) =>
      world.sendAll(peer, to, (other) =>
        other.swarm.onClaim(world.nowMs, host, task, first, count, owner),
      ),
    // No peer of the simulator reads parts only.
    want: () => {},
    refuseOffer: (task, piece) => world.supernode.refused(peer, task, piece),
    blame: (task, accused, _piece, reason) => {
      peer.distrustedMs.set(accused, world.nowMs);
      world.supernode.blamed(peer, task, accused, reason);
    },
    starve: (task) => world.supernode.starving(peer, task),
    complete: (task) => peer.completed(task),
    wake: (atMs) => peer.wakeAt(atMs),
  };
}
