import * as fc from "fast-check";
import { Value } from "typebox/value";
import { expect, it } from "vitest";

import { DownloadEvent } from "./api-schema.ts";
import { isDownloadEvent } from "./download-event.ts";

const value = fc.oneof(
  fc.constantFrom(undefined, null, "", "text", true, -1, 0, 7, 1.5),
  fc.record({ seed: fc.nat(), peers: fc.nat(), origin: fc.constantFrom(0, -1, "0") }),
);
const almostEvent = fc.record(
  {
    event: fc.constantFrom("opened", "progress", "completed", "failed", "toString", 7),
    taskId: fc.oneof(fc.constant("url:00"), value),
    lengthBytes: fc.oneof(fc.nat(), value),
    mediaType: value,
    lastModified: value,
    replacesTaskId: value,
    firstByte: fc.oneof(fc.nat(), value),
    firstSource: fc.oneof(fc.constant("seed"), value),
    heldBytes: fc.oneof(fc.nat(), value),
    sentBytes: fc.oneof(fc.nat(), value),
    isLinked: fc.oneof(fc.boolean(), value),
    isCloned: fc.oneof(fc.boolean(), value),
    receivedBytes: fc.oneof(
      fc.record({ seed: fc.nat(), peers: fc.nat(), origin: fc.nat() }),
      value,
    ),
    code: fc.oneof(fc.constant("INTERNAL"), value),
    message: fc.oneof(fc.constant("words"), value),
  },
  { requiredKeys: ["event"] },
);

it("an event is one to the check by hand exactly when it is one to the schema", () => {
  let accepted = 0;
  fc.assert(
    fc.property(fc.oneof({ arbitrary: almostEvent, weight: 20 }, value), (candidate) => {
      // What has gone through JSON has no fields that are undefined.
      const json: unknown = candidate === undefined ? null : JSON.parse(JSON.stringify(candidate));
      const isEvent = Value.Check(DownloadEvent, json);
      if (isEvent) accepted += 1;
      expect(isDownloadEvent(json)).toBe(isEvent);
    }),
    { numRuns: 2000 },
  );
  expect(accepted).toBeGreaterThan(50);
});
