import { createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto";

import { authorityCertificate, subjectOf } from "./certificate.ts";
import { CertificateAuthority } from "./certificate-authority.ts";

const { privateKey: key } = generateKeyPairSync("ec", { namedCurve: "P-256" });

/** The certificate of the tests' authority, in PEM. */
export const authorityPem = authorityCertificate(key, {
  commonName: "Tests",
  nowMs: Date.now(),
  lifeDays: 2,
});

/** An authority of the tests' own. */
export const authority = new CertificateAuthority(
  authorityPem,
  { key, ...subjectOf(new X509Certificate(authorityPem).raw, createPublicKey(key)) },
  Date.now,
);
