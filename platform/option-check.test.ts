import { describe, expect, it } from "vitest";
import { optionProblem } from "./option-check.ts";

describe("the check of an option", () => {
  it("takes what fits the schema", () => {
    expect(optionProblem({ type: "number", exclusiveMinimum: 0 }, 0.5)).toBeUndefined();
    expect(optionProblem({ type: "integer", minimum: 1, maximum: 2 }, 2)).toBeUndefined();
    expect(optionProblem({ type: "array", items: { type: "string" } }, ["a"])).toBeUndefined();
    expect(optionProblem({ enum: ["a", "b"] }, "b")).toBeUndefined();
  });

  it.each([
    [{ type: "number", exclusiveMinimum: 0 }, 0, "must be > 0"],
    [{ type: "number" }, Number.NaN, "must be number"],
    [{ type: "integer" }, 0.5, "must be integer"],
    [{ type: "integer", minimum: 1 }, 0, "must be >= 1"],
    [{ type: "integer", maximum: 1 }, 2, "must be <= 1"],
    [{ type: "string", minLength: 1 }, "", "must not be empty"],
    [{ type: "boolean" }, "yes", "must be boolean"],
    [{ type: "array", items: { type: "string" } }, [1], "must be string"],
    [{ enum: ["a", "b"] }, "c", "one of a, b"],
  ])("says what is wrong: %j, %j", (schema, value, problem) => {
    expect(optionProblem(schema, value)).toBe(problem);
  });
});
