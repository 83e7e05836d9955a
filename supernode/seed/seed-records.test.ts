import { writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";

import { silentLog } from "../../platform/log.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { provenSha256 } from "./piece-proof.ts";
import { PROOF_BYTES_MAX, SeedRecords } from "./seed-records.ts";

const A = `sha256:${"a".repeat(64)}` as TaskId;
const deps = { log: silentLog };

function task(number: number): TaskId {
  return `sha256:${number.toString(16).padStart(64, "0")}` as TaskId;
}

describe("the records of a seed", () => {
  it("outlive the process", async () => {
    await using directory = await TemporaryDirectory.create("records");
    const version = { lengthBytes: 70, etag: '"1"', lastModified: undefined };
    const sha256s = new Uint8Array(64).fill(7, 32);
    {
      await using records = await SeedRecords.open(directory.path, deps);
      await records.saveResumeVersion(A, version);
      await records.saveProof(A, { lengthBytes: 100_000, pieceLengthBytes: 65_536, sha256s });
    }
    await using records = await SeedRecords.open(directory.path, deps);
    expect(await records.resumeVersion(A)).toEqual(version);
    const proof = await records.proof(A);
    expect(proof).toEqual({ lengthBytes: 100_000, pieceLengthBytes: 65_536, sha256s });
    expect(provenSha256(proof!, 1)).toEqual(new Uint8Array(32).fill(7));
    await records.deleteResumeVersion(A);
    expect(await records.resumeVersion(A)).toBeUndefined();
    expect(await records.proof(task(1))).toBeUndefined();
  });

  it("forget the oldest proofs when they take too much room", async () => {
    await using directory = await TemporaryDirectory.create("records");
    await using records = await SeedRecords.open(directory.path, deps);
    const pieceCount = 65_536;
    const proof = {
      lengthBytes: pieceCount * 65_536,
      pieceLengthBytes: 65_536,
      sha256s: new Uint8Array(32 * pieceCount),
    };
    const fitting = Math.floor(PROOF_BYTES_MAX / (32 * pieceCount + 16));
    for (let i = 0; i <= fitting; i++) await records.saveProof(task(i), proof);
    expect(await records.proof(task(0))).toBeUndefined();
    expect(await records.proof(task(1))).toBeDefined();
    expect(await records.proof(task(fitting))).toBeDefined();
  });

  it("are begun anew when they are broken", async () => {
    await using directory = await TemporaryDirectory.create("records");
    {
      await using records = await SeedRecords.open(directory.path, deps);
      await records.saveResumeVersion(A, { lengthBytes: 1, etag: undefined, lastModified: "x" });
    }
    await writeFile(directory.join("CURRENT"), "nonsense\n");
    await using records = await SeedRecords.open(directory.path, deps);
    expect(await records.resumeVersion(A)).toBeUndefined();
  });
});
