import type { DownloadEvent } from "./api-schema.ts";

type Fields = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isFlag: Check = (value) => typeof value === "boolean";
const isCount: Check = (value) => Number.isInteger(value) && (value as number) >= 0;
const isBytesBySource: Check = (value) =>
  isFields(value) && ["seed", "peers", "origin"].every((source) => isCount(value[source]));
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

/** The fields of each event; the same as the schema says, which a test compares. */
const FIELDS: Readonly<Record<DownloadEvent["event"], Readonly<Record<string, Check>>>> = {
  opened: {
    taskId: isText,
    lengthBytes: maybe(isCount),
    mediaType: maybe(isText),
    lastModified: maybe(isText),
    replacesTaskId: maybe(isText),
    firstByte: maybe(isCount),
    firstSource: isText,
  },
  progress: { lengthBytes: maybe(isCount), heldBytes: isCount, receivedBytes: isBytesBySource },
  completed: {
    lengthBytes: isCount,
    sentBytes: maybe(isCount),
    isLinked: maybe(isFlag),
    isCloned: maybe(isFlag),
    receivedBytes: isBytesBySource,
  },
  failed: { code: isText, message: isText },
};

/**
 * Whether a value is an event of a download. Written by hand because the command line reads events at once, and
 * reading a library that checks schemas takes longer than a small download.
 */
export function isDownloadEvent(value: unknown): value is DownloadEvent {
  if (!isFields(value) || typeof value["event"] !== "string") return false;
  if (!Object.hasOwn(FIELDS, value["event"])) return false;
  const fields = FIELDS[value["event"] as DownloadEvent["event"]];
  return Object.entries(fields).every(([name, check]) => check(value[name]));
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}
