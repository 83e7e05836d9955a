import type { Logger } from "pino";
import { destination, pino } from "pino";

export { printableUrl } from "./printable-url.ts";

/** A structured logger. Messages are constant; what varies goes into fields. */
export type Log = Logger;

/** The levels that `--log-level` takes. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A logger that writes one JSON object a line to standard error. */
export function createLog(program: string, options: { level?: LogLevel } = {}): Log {
  return pino(
    { level: options.level ?? "info", base: { program }, timestamp: pino.stdTimeFunctions.isoTime },
    destination({ fd: 2, sync: true }),
  );
}

/** A logger that says nothing. */
export const silentLog: Log = pino({ level: "silent" });
