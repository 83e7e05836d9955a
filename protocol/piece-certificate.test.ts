import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  certificateMessage,
  certificateSha256,
  endorsementMessage,
  formatCertificate,
  parseCertificate,
} from "./piece-certificate.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const supernodeCertificate = fc.record({
  kind: fc.constant("supernode" as const),
  sha256: bytes(32),
  signature: bytes(64),
});
const nodeCertificate = fc.record({
  kind: fc.constant("node" as const),
  sha256: bytes(32),
  signature: bytes(64),
  nodeKey: bytes(32),
  endorsement: bytes(64),
});

describe("a piece certificate", () => {
  it("is read as it was written, and has the length of its kind", () => {
    fc.assert(
      fc.property(fc.oneof(supernodeCertificate, nodeCertificate), (certificate) => {
        const written = formatCertificate(certificate);
        expect(written.length).toBe(certificate.kind === "supernode" ? 97 : 193);
        expect(parseCertificate(written)).toEqual(certificate);
        expect(certificateSha256(written)).toEqual(certificate.sha256);
      }),
    );
  });

  it("is refused when it is cut, too long or of an unknown kind", () => {
    fc.assert(
      fc.property(
        fc.oneof(supernodeCertificate, nodeCertificate),
        fc.nat(192),
        (certificate, cut) => {
          const written = formatCertificate(certificate);
          if (cut < written.length)
            expect(parseCertificate(written.subarray(0, cut))).toBeUndefined();
          expect(parseCertificate(new Uint8Array([...written, 0]))).toBeUndefined();
          expect(parseCertificate(new Uint8Array([3, ...written.subarray(1)]))).toBeUndefined();
        },
      ),
    );
    expect(certificateSha256(new Uint8Array())).toBeUndefined();
  });

  it("of one kind is not read as the other", () => {
    const short = new Uint8Array(97).fill(1);
    short[0] = 2;
    expect(parseCertificate(short)).toBeUndefined();
    const long = new Uint8Array(193).fill(2);
    long[0] = 1;
    expect(parseCertificate(long)).toBeUndefined();
  });
});

describe("what is signed", () => {
  it("is these texts; other releases sign and check the same", () => {
    expect(certificateMessage("sha256:ab", 3, 1_048_576, "cd")).toBe(
      "darter piece 1\nsha256:ab\n3\n1048576\ncd",
    );
    expect(endorsementMessage("ef")).toBe("darter node 1\nef");
  });
});
