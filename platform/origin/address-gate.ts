import { isIP } from "node:net";

import { ProtocolError } from "../../protocol/protocol-error.ts";
import { printableUrl } from "../log.ts";
import type { OriginPattern } from "./origin-pattern.ts";
import { parseOriginPattern } from "./origin-pattern.ts";
import { specialAddressKind } from "./special-address.ts";

/**
 * Keeps requests that somebody else asks for away from this machine, its local link and the cloud's metadata
 * service. Such addresses are refused unless the user listed them; all others are allowed.
 */
export class AddressGate {
  readonly #patterns: readonly OriginPattern[];

  /** `patterns` is what `--allow-origin` was given. Throws UserError (usage) for a malformed one. */
  constructor(patterns: readonly string[]) {
    this.#patterns = patterns.map(parseOriginPattern);
  }

  /**
   * Checks what can be known before the host is resolved. Throws ProtocolError: BAD_REQUEST for a URL that is
   * not HTTP, ORIGIN_FORBIDDEN for an address that is refused.
   */
  checkUrl(url: URL): void {
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      throw new ProtocolError(
        "BAD_REQUEST",
        `${url.protocol}// is not supported; use http or https`,
      );
    }
    const host = urlHost(url);
    if (isIP(host) !== 0) this.checkAddress(url, host);
  }

  /** Checks an address that the host of `url` has; throws ProtocolError ORIGIN_FORBIDDEN when it is refused. */
  checkAddress(url: URL, address: string): void {
    const refusal = this.refusal(url, address);
    if (refusal) throw refusal;
  }

  /** The error for an address that is refused; undefined for one that may be connected to. */
  refusal(url: URL, address: string): ProtocolError | undefined {
    const kind = specialAddressKind(address);
    if (kind === undefined) return undefined;
    const place = { host: urlHost(url), port: urlPort(url), address };
    if (this.#patterns.some((matches) => matches(place))) return undefined;
    return new ProtocolError(
      "ORIGIN_FORBIDDEN",
      `the origin ${printableUrl(url)} is at ${address}, a ${kind} address, which is refused; ` +
        `start with --allow-origin ${url.hostname}:${place.port} if it is meant`,
    );
  }
}

/** The host of a URL, lower case, an IPv6 address without its brackets. */
function urlHost(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();
}

function urlPort(url: URL): number {
  if (url.port !== "") return Number(url.port);
  return url.protocol === "https:" ? 443 : 80;
}
