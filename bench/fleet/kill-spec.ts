/** Something that is killed while the bench runs. */
export interface KillSpec {
  readonly target:
    { readonly kind: "supernode" } | { readonly kind: "node"; readonly index: number };
  /** When so much of all bytes has arrived at the nodes; from 0 to 1. */
  readonly atShare: number;
}

/**
 * Reads `supernode@30%` and `node:3@50%`; nodes count from 0. Returns undefined for any other text, and
 * for a share outside of 0 to 100 %.
 */
export function parseKillSpec(text: string): KillSpec | undefined {
  const match = /^(?:supernode|node:(\d{1,4}))@(\d{1,3}(?:\.\d+)?)%$/.exec(text);
  const percent = Number(match?.[2]);
  if (match === null || percent > 100) return undefined;
  const target: KillSpec["target"] =
    match[1] === undefined ? { kind: "supernode" } : { kind: "node", index: Number(match[1]) };
  return { target, atShare: percent / 100 };
}
