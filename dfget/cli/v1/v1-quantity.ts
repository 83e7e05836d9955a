/** Reads a rate of Dragonfly 1, "20M", "64KB", "1g", "100", as bytes per second. Returns undefined when it is none. */
export function parseV1Rate(text: string): number | undefined {
  const match = /^(\d{1,12})(g|gb|m|mb|k|kb|b)?$/i.exec(text.trim());
  if (!match) return undefined;
  const unit = (match[2] ?? "b").charAt(0).toLowerCase() as "g" | "m" | "k" | "b";
  return Number(match[1]) * { g: 1024 ** 3, m: 1024 ** 2, k: 1024, b: 1 }[unit];
}

/** Reads a time of Dragonfly 1, "1m30s", "500ms", or a number of seconds, in ms. Returns undefined when it is none. */
export function parseV1Time(text: string): number | undefined {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const parts = [...text.matchAll(/(\d{1,9}(?:\.\d{1,9})?)(ms|h|m|s)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text) return undefined;
  const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  return Math.round(
    parts.reduce((sum, [, count, unit]) => sum + Number(count) * unitMs[unit!]!, 0),
  );
}
