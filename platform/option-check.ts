/** The part of a schema that says which values an option may have. */
export interface OptionSchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly minLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly items?: OptionSchema;
}

/** What a value must be and is not, "must be at least 1"; undefined where it is right. */
export function optionProblem(schema: OptionSchema, value: unknown): string | undefined {
  if (schema.enum) return schema.enum.includes(value) ? undefined : oneOf(schema.enum);
  switch (schema.type) {
    case "string":
      if (typeof value !== "string") return "must be string";
      return value.length < (schema.minLength ?? 0) ? "must not be empty" : undefined;
    case "boolean":
      return typeof value === "boolean" ? undefined : "must be boolean";
    case "array":
      return listProblem(schema, value);
    case "integer":
      if (!Number.isInteger(value)) return "must be integer";
      return rangeProblem(schema, value as number);
    case "number":
      if (!Number.isFinite(value)) return "must be number";
      return rangeProblem(schema, value as number);
    default:
      return `cannot be an option of type ${schema.type ?? "unknown"}`;
  }
}

function listProblem({ items = {} }: OptionSchema, value: unknown): string | undefined {
  if (!Array.isArray(value)) return "must be array";
  for (const part of value) {
    const problem = optionProblem(items, part);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function rangeProblem(schema: OptionSchema, value: number): string | undefined {
  const { minimum = -Infinity, maximum = Infinity } = schema;
  const { exclusiveMinimum } = schema;
  if (value < minimum) return `must be >= ${minimum}`;
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum)
    return `must be > ${exclusiveMinimum}`;
  return value > maximum ? `must be <= ${maximum}` : undefined;
}

function oneOf(words: readonly unknown[]): string {
  return `one of ${words.join(", ")}`;
}
