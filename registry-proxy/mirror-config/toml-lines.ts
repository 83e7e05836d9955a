/**
 * Small changes to TOML text that leave everything else as the user wrote it, comments included. A table is told by its
 * header line, in whatever way its keys are quoted.
 */
export class TomlLines {
  readonly #lines: string[];

  constructor(text: string) {
    this.#lines = text.split("\n");
  }

  /** The value of a key before the first table, as it is written; undefined where there is none. */
  topValue(key: string): string | undefined {
    const end = this.#lines.findIndex((line) => /^\s*\[/.test(line));
    return this.#valueIn(key, 0, end < 0 ? this.#lines.length : end)?.value;
  }

  hasTable(keys: readonly string[]): boolean {
    return this.#tableAt(keys) !== undefined;
  }

  /** Whether there is a table below this one. */
  hasTableBelow(keys: readonly string[]): boolean {
    const prefix = keys.join("\0");
    return this.#lines.some(
      (line) => headerOf(line)?.join("\0").startsWith(`${prefix}\0`) === true,
    );
  }

  /** The value of a key in a table, as it is written. */
  value(keys: readonly string[], key: string): string | undefined {
    const table = this.#tableAt(keys);
    return table && this.#valueIn(key, table.first, table.end)?.value;
  }

  /** Sets a key in a table, which is added at the end where there is none. */
  setValue(keys: readonly string[], key: string, value: string): void {
    const table = this.#tableAt(keys);
    if (!table) {
      this.append([`[${keys.map(quoted).join(".")}]`, `  ${key} = ${value}`]);
      return;
    }
    const known = this.#valueIn(key, table.first, table.end);
    if (known) {
      const line = this.#lines[known.index]!;
      this.#lines[known.index] = line.replace(/=.*$/, `= ${value}`);
      return;
    }
    const indent = /^\s*/.exec(this.#lines[table.first - 1]!)![0];
    this.#lines.splice(table.first, 0, `${indent}  ${key} = ${value}`);
  }

  /** Inserts lines before the first table that `matches`, else at the end. */
  insertBefore(matches: (keys: readonly string[]) => boolean, lines: readonly string[]): void {
    const index = this.#lines.findIndex((line) => {
      const header = headerOf(line);
      return header !== undefined && matches(header);
    });
    if (index < 0) this.append(lines);
    else this.#lines.splice(index, 0, ...lines, "");
  }

  append(lines: readonly string[]): void {
    while (this.#lines.length > 0 && this.#lines.at(-1)!.trim() === "") this.#lines.pop();
    this.#lines.push(...(this.#lines.length === 0 ? [] : [""]), ...lines, "");
  }

  toString(): string {
    return this.#lines.join("\n");
  }

  #tableAt(keys: readonly string[]): { first: number; end: number } | undefined {
    const wanted = keys.join("\0");
    const at = this.#lines.findIndex((line) => headerOf(line)?.join("\0") === wanted);
    if (at < 0) return undefined;
    const next = this.#lines.findIndex((line, i) => i > at && /^\s*\[/.test(line));
    return { first: at + 1, end: next < 0 ? this.#lines.length : next };
  }

  #valueIn(key: string, first: number, end: number): { index: number; value: string } | undefined {
    for (let index = first; index < end; index++) {
      const match = /^\s*"?([\w-]+)"?\s*=\s*(.*?)\s*$/.exec(this.#lines[index]!);
      if (match?.[1] === key) return { index, value: withoutComment(match[2]!) };
    }
    return undefined;
  }
}

/** The keys of a table's header; undefined for every other line and for lists of tables. */
function headerOf(line: string): readonly string[] | undefined {
  const match = /^\s*\[([^[\]]+|(?:[^[\]"']*(?:"[^"]*"|'[^']*'))+[^[\]"']*)\]\s*(?:#.*)?$/.exec(
    line,
  );
  if (!match) return undefined;
  const keys = [...match[1]!.matchAll(/"([^"]*)"|'([^']*)'|([\w-]+)/g)];
  return keys.map(([, double, single, bare]) => double ?? single ?? bare ?? "");
}

function withoutComment(value: string): string {
  return /^("[^"]*"|'[^']*'|[^#]*)/.exec(value)![1]!.trim();
}

function quoted(key: string): string {
  return /^[\w-]+$/.test(key) ? key : `"${key}"`;
}
