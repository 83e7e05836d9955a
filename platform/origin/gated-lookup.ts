import type { LookupAddress } from "node:dns";
import { lookup as resolve } from "node:dns";
import type { LookupFunction } from "node:net";

import type { AddressGate } from "./address-gate.ts";

/**
 * Resolves a name to those of its addresses that may be connected to; fails when there is none. What it gives is what is
 * connected to: nobody asks a name server again in between.
 */
export function gatedLookup(gate: AddressGate, origin: URL): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, "", 0);
      const allowed = found.filter(({ address }) => !gate.refusal(origin, address));
      const [first] = allowed;
      if (!first) return callback(refusalOf(gate, origin, found), "", 0);
      if (options.all === true) return callback(null, allowed);
      return callback(null, first.address, first.family);
    });
  };
}

function refusalOf(gate: AddressGate, origin: URL, found: readonly LookupAddress[]): Error {
  const address = found[0]?.address;
  const refusal = address === undefined ? undefined : gate.refusal(origin, address);
  return refusal ?? Object.assign(new Error("the name has no address"), { code: "ENOTFOUND" });
}
