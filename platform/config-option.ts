import type {
  TArray,
  TBoolean,
  TEnum,
  TInteger,
  TObject,
  TOptional,
  TProperties,
  TSchema,
  TString,
} from "typebox";

/*
 * Schemas of options are plain JSON Schema with the notes below. They have the types of TypeBox and nothing of it
 * at run time: reading the library takes longer than a small download.
 */

/** What the schema of an option may say besides its type. */
export interface OptionNotes {
  readonly description: string;
  /** A one-letter flag. */
  readonly short?: string;
  /** What stands for the value in `--help`. */
  readonly placeholder?: string;
  /** Never shown by `--print-config`. */
  readonly secret?: boolean;
  /** How a text is read as a number. */
  readonly unit?: "bytes" | "ms";
}

/** One option of a program, seen from its schema. */
export interface ConfigOption extends OptionNotes {
  /** The key in a configuration file, `diskQuota`. */
  readonly key: string;
  /** The flag, `disk-quota`. */
  readonly flag: string;
  readonly kind: "string" | "number" | "boolean" | "list";
  readonly choices: readonly string[] | undefined;
  readonly defaultValue: unknown;
}

/** The options of a program. */
export function optionTable<const T extends TProperties>(properties: T): TObject<T> {
  return { type: "object", properties } as unknown as TObject<T>;
}

/** An option whose value is a text. */
export function text(notes: OptionNotes & { default: string }): TString {
  return { type: "string", ...notes } as unknown as TString;
}

/** An option whose value is a text, or that is not there. */
export function optionalText(notes: OptionNotes): TOptional<TString> {
  return { type: "string", ...notes } as unknown as TOptional<TString>;
}

/** An option that is on or off. */
export function toggle(notes: OptionNotes & { default: boolean }): TBoolean {
  return { type: "boolean", ...notes } as unknown as TBoolean;
}

/** An option whose value is a whole number. */
export function wholeNumber(
  notes: OptionNotes & { default: number; minimum?: number; maximum?: number },
): TInteger {
  return { type: "integer", minimum: 0, ...notes } as unknown as TInteger;
}

/** An option whose value is a number of bytes, written as "64MiB" or plainly. */
export function byteCount(notes: {
  default: number;
  description: string;
  placeholder?: string;
  short?: string;
}): TInteger {
  return wholeNumber({ placeholder: "SIZE", ...notes, unit: "bytes" });
}

/** An option whose value is a number of bytes, or that is not there. */
export function optionalByteCount(notes: { description: string }): TOptional<TInteger> {
  const unit = { unit: "bytes", placeholder: "SIZE" };
  return { type: "integer", minimum: 0, ...unit, ...notes } as unknown as TOptional<TInteger>;
}

/** A timer that is set for longer goes off at once. */
const DURATION_MS_MAX = 2 ** 31 - 1;

/** An option whose value is a number of milliseconds, written as "30s" or plainly, of at most 24 days. */
export function duration(notes: {
  default: number;
  minimum?: number;
  description: string;
}): TInteger {
  return wholeNumber({ maximum: DURATION_MS_MAX, placeholder: "TIME", ...notes, unit: "ms" });
}

/** An option that takes one of a few words. */
export function choice<const T extends readonly string[]>(
  words: T,
  notes: OptionNotes & { default: T[number] },
): TEnum<T[number][]> {
  return { enum: [...words], ...notes } as unknown as TEnum<T[number][]>;
}

/** An option that may be given several times. */
export function repeated(notes: OptionNotes & { default?: string[] }): TArray<TString> {
  const items = { type: "string" };
  return { type: "array", items, default: [], ...notes } as unknown as TArray<TString>;
}

/** The options of a schema, in its order. */
export function configOptions(schema: TObject): ConfigOption[] {
  return Object.entries(schema.properties).map(([key, property]) => describe(key, property));
}

/** The name in the environment of the flag of a program, `SUPERNODE_DISK_QUOTA`. */
export function environmentName(program: string, flag: string): string {
  return `${program}_${flag}`.replaceAll(/[- ]/g, "_").toUpperCase();
}

function describe(key: string, property: TSchema): ConfigOption {
  const notes = property as TSchema &
    OptionNotes & { type?: string; default?: unknown; enum?: readonly string[] };
  const option: { -readonly [name in keyof ConfigOption]: ConfigOption[name] } = {
    key,
    flag: /[A-Z]/.test(key)
      ? key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
      : key,
    kind: kindOf(notes.type),
    choices: notes.enum,
    defaultValue: notes.default,
    description: notes.description ?? "",
  };
  if (notes.short !== undefined) option.short = notes.short;
  if (notes.placeholder !== undefined) option.placeholder = notes.placeholder;
  if (notes.secret !== undefined) option.secret = notes.secret;
  if (notes.unit !== undefined) option.unit = notes.unit;
  return option;
}

function kindOf(type: string | undefined): ConfigOption["kind"] {
  if (type === "integer" || type === "number") return "number";
  if (type === "boolean") return "boolean";
  return type === "array" ? "list" : "string";
}
