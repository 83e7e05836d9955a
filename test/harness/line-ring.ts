/** The last lines of a text stream: bounded in lines and in the length of each, with listeners for new ones. */
export class LineRing {
  readonly #lines: string[] = [];
  readonly #listeners = new Set<(line: string) => void>();
  readonly #lineLimit: number;
  readonly #lengthLimit: number;
  #partial = "";

  /** Keeps at most `lineLimit` lines; what exceeds `lengthLimit` characters in one line is cut off. */
  constructor(lineLimit = 2000, lengthLimit = 65_536) {
    this.#lineLimit = lineLimit;
    this.#lengthLimit = lengthLimit;
  }

  /** Takes a chunk of text as it came; lines may be split anywhere. */
  push(text: string): void {
    const parts = (this.#partial + text).split("\n");
    this.#partial = (parts.pop() ?? "").slice(0, this.#lengthLimit);
    for (const part of parts) this.#add(part.slice(0, this.#lengthLimit));
  }

  /** Takes what is left without a line end; call it once, when the stream has ended. */
  end(): void {
    if (this.#partial !== "") this.#add(this.#partial);
    this.#partial = "";
  }

  /** The kept lines, oldest first. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** The kept lines as one text. */
  get text(): string {
    return this.#lines.join("\n");
  }

  /** Calls `listener` for every line to come; returns what ends that. */
  onLine(listener: (line: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #add(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > this.#lineLimit) this.#lines.shift();
    for (const listener of this.#listeners) listener(line);
  }
}
