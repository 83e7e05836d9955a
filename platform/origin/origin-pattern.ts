import { BlockList, isIP } from "node:net";

import { parseEndpoint } from "../../protocol/endpoint.ts";
import { EXIT, UserError } from "../user-error.ts";
import { addRange, listHas } from "./special-address.ts";

/** A place that a request is about to go to. */
export interface OriginPlace {
  /** The host of the URL, lower case, without brackets. */
  readonly host: string;
  readonly port: number;
  /** The address that the host has been resolved to. */
  readonly address: string;
}

/** Whether a place is one that the user listed. */
export type OriginPattern = (place: OriginPlace) => boolean;

/**
 * Reads what `--allow-origin` takes: a host name in which `*` stands for anything, an IP address, either of
 * them with a port, or a range of addresses such as `10.0.0.0/8`. Throws UserError (usage) for anything else.
 */
export function parseOriginPattern(text: string): OriginPattern {
  const ranges = new BlockList();
  if (addRange(ranges, text)) return ({ address }) => listHas(ranges, address);
  if (isIP(text) !== 0) {
    ranges.addAddress(text, isIP(text) === 4 ? "ipv4" : "ipv6");
    return ({ address }) => listHas(ranges, address);
  }
  const endpoint = parseEndpoint(text.replaceAll("*", "__any__"));
  if (endpoint) {
    const matchesHost = hostPattern(endpoint.host.replaceAll("__any__", "*"));
    return (place) => place.port === endpoint.port && matchesHost(place);
  }
  if (/^[A-Za-z0-9._*-]{1,253}$/.test(text)) return hostPattern(text);
  throw new UserError(
    EXIT.usage,
    `--allow-origin "${text}" is neither a host name, host:port, an IP address nor a range such as 10.0.0.0/8`,
  );
}

function hostPattern(text: string): OriginPattern {
  if (isIP(text) !== 0) return parseOriginPattern(text);
  const parts = text.toLowerCase().split("*").map(escapeForRegExp);
  const whole = new RegExp(`^${parts.join(".*")}$`);
  return ({ host }) => whole.test(host);
}

function escapeForRegExp(text: string): string {
  return text.replaceAll(/[.\\+?^${}()|[\]]/g, "\\$&");
}
