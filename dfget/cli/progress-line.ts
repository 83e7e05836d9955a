import { formatByteCount } from "../../platform/quantity.ts";
import type { ReceivedBytes } from "../daemon/api-schema.ts";
import { printableText } from "../../platform/printable-text.ts";
import { columnsOf, cutApart, padded } from "./column-text.ts";

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

/** A name is cut to no less, as long as there is something else to leave out. */
const NAME_COLUMNS_MIN = 12;
/** Of a name so much comes before the bar, and so much is shown where there is room. */
const NAME_COLUMNS_FIRST = 24;
const NAME_COLUMNS_MAX = 64;
const BAR_COLUMNS_MIN = 5;
const BAR_COLUMNS_MAX = 30;
const GAP = "  ";

/** A column of the lines: least widths keep it from moving while its numbers change. */
interface Column {
  readonly texts: readonly string[];
  readonly width: number;
  readonly isRight: boolean;
}

/** One line; see {@link progressLines}. */
export function progressLine(progress: DownloadProgress, columns: number): string {
  return progressLines([progress], columns)[0]!;
}

/**
 * A line for each download, with the same things below each other, for a terminal of `columns` columns. They are at
 * most that wide less three: some terminals wrap when the last column is filled, and all of them write "^C" behind
 * the line. What does not fit is left out, least important first.
 */
export function progressLines(downloads: readonly DownloadProgress[], columns: number): string[] {
  const room = Math.max(columns - 3, 10);
  const names = downloads.map(({ name }) => printableText(name));
  const nameColumns = Math.max(0, ...names.map(columnsOf));
  const all = [
    columnOf(downloads.map(percentText), 4, true),
    columnOf(downloads.map(bytesText), 13, true),
    columnOf(
      downloads.map(({ bytesPerSecond }) => rateText(bytesPerSecond)),
      10,
      true,
    ),
    columnOf(downloads.map(etaText), 8, false),
    columnOf(
      downloads.map(({ receivedBytes }) => sharesText(receivedBytes)),
      0,
      false,
    ),
  ].filter(({ width }) => width > 0);
  const least = Math.min(nameColumns, NAME_COLUMNS_MIN);
  let shown = all;
  while (shown.length > 0 && room - widthOf(shown) < least) shown = shown.slice(0, -1);
  const rest = room - widthOf(shown);
  const first = Math.min(nameColumns, NAME_COLUMNS_FIRST, rest);
  const hasBar = shown.length > 0 && downloads.some(({ lengthBytes }) => lengthBytes);
  const barRoom = Math.min(rest - first - GAP.length - 2, BAR_COLUMNS_MAX);
  const barColumns = hasBar && barRoom >= BAR_COLUMNS_MIN ? barRoom : 0;
  const barWidth = barColumns === 0 ? 0 : barColumns + GAP.length + 2;
  const width = Math.min(nameColumns, NAME_COLUMNS_MAX, rest - barWidth);
  const cut = cutApart(names, width);
  return downloads.map((progress, index) => {
    const cells = shown.map(({ texts, width, isRight }) =>
      padded(texts[index]!, width, isRight ? "left" : "right"),
    );
    const name = padded(cut[index]!, width, "right");
    // The bar stands behind the percent, or where that would stand.
    if (barColumns > 0) cells.splice(1, 0, bar(progress, barColumns));
    return [name, ...cells].join(GAP).trimEnd();
  });
}

function columnOf(texts: readonly string[], widthMin: number, isRight: boolean): Column {
  const widest = Math.max(0, ...texts.map(columnsOf));
  return { texts, width: widest === 0 ? 0 : Math.max(widest, widthMin), isRight };
}

function widthOf(shown: readonly Column[]): number {
  return shown.reduce((sum, { width }) => sum + width + GAP.length, 0);
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
  if (lengthBytes === undefined) return " ".repeat(columns + 2);
  const share = lengthBytes ? Math.min(writtenBytes / lengthBytes, 1) : 0;
  const full = Math.floor(share * columns);
  return `[${"#".repeat(full)}${".".repeat(columns - full)}]`;
}
