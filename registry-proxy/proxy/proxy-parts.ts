import type { Log } from "../../platform/log.ts";
import type { AddressGate } from "../../platform/origin/address-gate.ts";
import type { OriginForwarder } from "../../platform/origin/origin-forwarder.ts";
import type { Visitors } from "../access/visitors.ts";
import type { MirrorMetrics } from "../metrics.ts";
import type { ProxyParts } from "../mirror-server.ts";
import { BlobRoute } from "../routes/blob-route.ts";
import type { SwarmContent } from "../routes/swarm-content.ts";
import type { Swarm } from "../swarm.ts";
import type { CertificateAuthority } from "./certificate-authority.ts";
import { ProxyClients } from "./proxy-clients.ts";
import type { ProxyConfig } from "./proxy-config.ts";
import { ProxyFront } from "./proxy-front.ts";
import { SharedDownload } from "./shared-download.ts";
import { Tunnels } from "./tunnels.ts";

/** What makes a mirror a proxy as well. */
export interface ProxySetup {
  readonly config: ProxyConfig;
  readonly authority: CertificateAuthority | undefined;
  readonly forwarder: OriginForwarder;
  readonly gate: AddressGate;
}

/** What mirror and proxy have in common. */
export interface ProxyNeeds {
  readonly swarm: Swarm;
  readonly contents: SwarmContent;
  readonly visitors: Visitors;
  readonly metrics: MirrorMetrics;
  readonly log: Log;
  /** How long the swarm may bring nothing. */
  readonly stallMs: number;
}

/** Puts the parts together that serve clients of the proxy. */
export function proxyParts(setup: ProxySetup, needs: ProxyNeeds): ProxyParts {
  const { config, authority, forwarder, gate } = setup;
  const { swarm, contents, visitors, metrics, log, stallMs } = needs;
  const clients = new ProxyClients(config.clients);
  const downloads = new SharedDownload({ swarm, metrics, log }, { stallMs });
  const blobs = new BlobRoute({ contents });
  const { rules, intercepted } = config;
  return {
    front: new ProxyFront({ rules, clients, downloads, blobs, visitors, forwarder, log }),
    tunnels: (serve) => new Tunnels({ gate, clients, intercepted, authority, metrics, log, serve }),
  };
}
