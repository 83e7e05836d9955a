import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import type { UserError } from "./user-error.ts";

/** Values that are not yet known to be of any kind, by key. */
export type Fields = Readonly<Record<string, unknown>>;

/** Makes the error for what is wrong with a file; `what` is the end of its sentence. */
export type FileProblem = (what: string) => UserError;

/** What a YAML file holds. Throws what `problem` makes. */
export function readYaml(path: string, problem: FileProblem): unknown {
  try {
    // Loaded only where there is a file to read.
    const yaml = createRequire(import.meta.url)("yaml") as typeof import("yaml");
    return yaml.parse(readFileSync(path, "utf8"), { logLevel: "error" });
  } catch (error) {
    throw problem(`it cannot be read: ${(error as Error).message.split("\n", 1)[0]}`);
  }
}

/** Takes values of the right kind out of what was parsed from a file, or says what is wrong with them. */
export class FieldReader {
  readonly problem: (what: string) => UserError;

  constructor(problem: (what: string) => UserError) {
    this.problem = problem;
  }

  /** Keys and values, none but `keys` where they are given. */
  fields(content: unknown, where: string, keys?: readonly string[]): Fields {
    if (typeof content !== "object" || content === null || Array.isArray(content)) {
      throw this.problem(`${where} must hold keys and values`);
    }
    const unknown = keys && Object.keys(content).find((key) => !keys.includes(key));
    if (keys === undefined || unknown === undefined) return content as Fields;
    throw this.problem(
      `${where} has the unknown key "${unknown}"; the keys are ${keys.join(", ")}`,
    );
  }

  list(content: unknown, where: string): readonly unknown[] {
    if (content === undefined || content === null) return [];
    if (Array.isArray(content)) return content;
    throw this.problem(`${where} must be a list`);
  }

  text(content: unknown, where: string): string | undefined {
    return content === undefined || content === null ? undefined : this.required(content, where);
  }

  required(content: unknown, where: string): string {
    if (typeof content === "string" && content !== "") return content;
    throw this.problem(`${where} must be a text`);
  }

  flag(content: unknown, where: string): boolean {
    if (content === undefined || typeof content === "boolean") return content === true;
    throw this.problem(`${where} must be true or false`);
  }

  pattern(content: unknown, where: string): RegExp {
    const text = this.required(content, where);
    try {
      return new RegExp(text);
    } catch (error) {
      throw this.problem(`${where} is no regular expression: ${(error as Error).message}`);
    }
  }
}
