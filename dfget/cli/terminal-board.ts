import { columnsOf } from "./column-text.ts";

/** Erases what is right of the cursor, and what is right and below of it. */
const ERASE_REST = "\u001b[K";
const ERASE_BELOW = "\u001b[J";

/** A stream that may be a terminal. */
export interface HumanStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  /** Columns and rows as they are at this moment; the fields follow a signal, which may come late. */
  getWindowSize?(): [number, number];
}

/**
 * A few lines at the bottom of a terminal that are drawn again and again, below others that stay. A terminal
 * that has become narrower has wrapped what was drawn: that is counted in.
 */
export class TerminalBoard {
  readonly #stream: HumanStream;
  /** The widths of the lines drawn, without colours. */
  #drawn: number[] = [];

  constructor(stream: HumanStream) {
    this.#stream = stream;
  }

  get columns(): number {
    const [columns] = this.#stream.getWindowSize?.() ?? [this.#stream.columns ?? 80];
    // A terminal without a size says 0.
    return Math.max(columns === 0 ? 80 : columns, 20);
  }

  /** How many lines can be drawn. */
  get room(): number {
    const [, rows] = this.#stream.getWindowSize?.() ?? [0, this.#stream.rows ?? 24];
    return Math.max((rows === 0 ? 24 : rows) - 1, 1);
  }

  /**
   * Draws lines in the place of those drawn before, below `said`, which stays. Each must be narrower than the terminal.
   * Everything goes out at once, and nothing is erased before something else takes its place: so it does not flicker.
   */
  draw(lines: readonly string[], said: readonly string[] = []): void {
    const above = said.map((line) => `${line}${ERASE_REST}\n`).join("");
    this.#stream.write(this.#rewind() + above + lines.join(`${ERASE_REST}\n`) + ERASE_BELOW);
    this.#drawn = lines.map((line) => columnsOf(withoutColours(line)));
  }

  /** Takes the drawn lines away. */
  clear(): void {
    if (this.#drawn.length > 0) this.draw([]);
  }

  /** What brings the cursor to the start of the first drawn line. */
  #rewind(): string {
    if (this.#drawn.length === 0) return "";
    const rowsOf = (width: number): number => Math.max(1, Math.ceil(width / this.columns));
    const rows = this.#drawn.reduce((sum, width) => sum + rowsOf(width), 0) - 1;
    const up = rows === 0 ? "" : `\u001b[${Math.min(rows, this.room)}A`;
    return `\r${up}`;
  }
}

function withoutColours(line: string): string {
  // oxlint-disable-next-line no-control-regex -- colours begin with a control character
  return line.replaceAll(/\u001b\[[0-9;]*m/g, "");
}
