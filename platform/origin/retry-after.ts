/**
 * How long a Retry-After header asks to wait, in milliseconds; undefined when it is absent or malformed. A date
 * in it is compared with the answer's own Date header, so that the two machines' clocks need not agree.
 */
export function retryAfterMs(
  header: string | undefined,
  dateHeader: string | undefined,
): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const untilMs = Date.parse(header);
  const nowMs = dateHeader === undefined ? Date.now() : Date.parse(dateHeader);
  if (Number.isNaN(untilMs) || Number.isNaN(nowMs)) return undefined;
  return Math.max(0, untilMs - nowMs);
}
