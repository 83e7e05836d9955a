import { formatByteCount } from "../../platform/quantity.ts";
import type { ReceivedBytes } from "../daemon/api-schema.ts";
import { columnsOf, cutToColumns, printableText } from "./printable-text.ts";

/** What is known while a download runs. */
export interface DownloadProgress {
  readonly name: string;
  /** Bytes that are in the target. */
  readonly writtenBytes: number;
  /** Verified bytes that the daemon holds, where it has told. */
  readonly heldBytes?: number | undefined;
  readonly lengthBytes: number | undefined;
  readonly bytesPerSecond: number | undefined;
  readonly receivedBytes: ReceivedBytes;
}

const NAME_COLUMNS_MAX = 24;
const BAR_COLUMNS_MIN = 6;
const BAR_COLUMNS_MAX = 30;

/**
 * One line for a terminal of `columns` columns, at most that wide less one, because some terminals
 * wrap when the last column is filled. What does not fit is left out, least important first.
 */
export function progressLine(progress: DownloadProgress, columns: number): string {
  const room = Math.max(columns - 1, 10);
  const name = cutToColumns(printableText(progress.name), NAME_COLUMNS_MAX);
  const fields = [
    name,
    percentText(progress),
    bytesText(progress),
    rateText(progress.bytesPerSecond),
    etaText(progress),
    sharesText(progress.receivedBytes),
  ].filter((field) => field !== "");
  let line = "";
  let count = 0;
  for (const field of fields) {
    const longer = line === "" ? field : `${line}  ${field}`;
    if (columnsOf(longer) > room) break;
    line = longer;
    count += 1;
  }
  const barColumns = Math.min(room - columnsOf(line) - 4, BAR_COLUMNS_MAX);
  if (count < 2 || barColumns < BAR_COLUMNS_MIN || !progress.lengthBytes) {
    return cutToColumns(line === "" ? name : line, room);
  }
  const [first, percent, ...others] = fields.slice(0, count);
  return [first, percent, bar(progress, barColumns), ...others].join("  ");
}

/** "peers 78% seed 22%"; empty when nothing was received, because it was all here already. */
export function sharesText(receivedBytes: ReceivedBytes): string {
  const { peers, seed, origin } = receivedBytes;
  const all = peers + seed + origin;
  if (all === 0) return "";
  return Object.entries({ peers, seed, origin })
    .filter(([, bytes]) => bytes > 0)
    .map(([source, bytes]) => `${source} ${Math.round((100 * bytes) / all)}%`)
    .join(" ");
}

/** "85.2 MiB/s"; empty when not known. */
export function rateText(bytesPerSecond: number | undefined): string {
  return bytesPerSecond === undefined ? "" : `${formatByteCount(bytesPerSecond)}/s`;
}

function percentText({ writtenBytes, lengthBytes }: DownloadProgress): string {
  if (lengthBytes === undefined) return "";
  const share = lengthBytes === 0 ? 1 : Math.min(writtenBytes / lengthBytes, 1);
  return `${String(Math.floor(share * 100)).padStart(3)}%`;
}

function bytesText({ writtenBytes, lengthBytes }: DownloadProgress): string {
  const written = formatByteCount(writtenBytes);
  if (lengthBytes === undefined) return written;
  const [count, unit] = written.split(" ");
  const whole = formatByteCount(lengthBytes);
  return whole.endsWith(` ${unit}`) ? `${count}/${whole}` : `${written}/${whole}`;
}

function etaText({ writtenBytes, lengthBytes, bytesPerSecond }: DownloadProgress): string {
  if (!lengthBytes || !bytesPerSecond || writtenBytes >= lengthBytes) return "";
  const seconds = Math.ceil((lengthBytes - writtenBytes) / bytesPerSecond);
  const two = (value: number): string => String(value).padStart(2, "0");
  if (seconds >= 100 * 3600) return "";
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `ETA ${minutes}:${two(seconds % 60)}`;
  return `ETA ${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

function bar({ writtenBytes, lengthBytes }: DownloadProgress, columns: number): string {
  const share = lengthBytes ? Math.min(writtenBytes / lengthBytes, 1) : 0;
  const full = Math.floor(share * columns);
  return `[${"#".repeat(full)}${".".repeat(columns - full)}]`;
}
