import { columnsOf } from "./printable-text.ts";

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
    return Math.max((this.#stream.rows ?? 24) - 1, 1);
  }

  /** Draws lines in the place of those drawn before. Each must be narrower than the terminal. */
  draw(lines: readonly string[]): void {
    this.#stream.write(this.#rewind() + lines.join("\n"));
    this.#drawn = lines.map((line) => columnsOf(withoutColours(line)));
  }

  /** Writes a line that stays, above the drawn ones, which are gone until the next `draw`. */
  say(line: string): void {
    this.#stream.write(`${this.#rewind()}${line}\n`);
    this.#drawn = [];
  }

  /** Takes the drawn lines away. */
  clear(): void {
    if (this.#drawn.length === 0) return;
    this.#stream.write(this.#rewind());
    this.#drawn = [];
  }

  /** What brings the cursor to the start of the first drawn line and erases from there. */
  #rewind(): string {
    if (this.#drawn.length === 0) return "";
    const rowsOf = (width: number): number => Math.max(1, Math.ceil(width / this.columns));
    const rows = this.#drawn.reduce((sum, width) => sum + rowsOf(width), 0) - 1;
    const up = rows === 0 ? "" : `\u001b[${Math.min(rows, this.room)}A`;
    return `\r${up}${ERASE_BELOW}`;
  }
}

function withoutColours(line: string): string {
  // oxlint-disable-next-line no-control-regex -- colours begin with a control character
  return line.replaceAll(/\u001b\[[0-9;]*m/g, "");
}
