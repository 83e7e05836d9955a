import type { KeyObject } from "node:crypto";
import {
  X509Certificate,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
} from "node:crypto";
import { readFileSync } from "node:fs";
import type { SecureContext } from "node:tls";
import { createSecureContext } from "node:tls";

import type { Calendar } from "../../platform/calendar.ts";
import { RecentMap } from "../../platform/recent-map.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import type { Issuer } from "./certificate.ts";
import { hostCertificate, subjectOf } from "./certificate.ts";

/** Hosts whose certificates are kept; others are made again. */
export const HOSTS_MAX = 1024;
const LIFE_DAYS = 30;
/** A certificate is made again when half of its life is over. */
const RENEW_MS = (LIFE_DAYS / 2) * 24 * 60 * 60 * 1000;

interface Minted {
  readonly context: SecureContext;
  readonly madeMs: number;
}

/** Makes certificates for hosts, in the name of an authority that clients were told to trust. */
export class CertificateAuthority {
  readonly #issuer: Issuer;
  readonly #chain: string;
  readonly #calendar: Calendar;
  /** One key for all hosts: it never leaves the process, and lives as long. */
  readonly #hostKeys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  readonly #minted = new RecentMap<string, Minted>(HOSTS_MAX);

  constructor(certificatePem: string, issuer: Issuer, calendar: Calendar) {
    this.#chain = certificatePem;
    this.#issuer = issuer;
    this.#calendar = calendar;
  }

  /**
   * Reads the authority that `registry-proxy gen-ca` or another program made. Throws UserError (usage) with a sentence
   * that names the file for what is no such authority.
   */
  static load(certPath: string, keyPath: string, calendar: Calendar): CertificateAuthority {
    const certificatePem = readText(certPath);
    const certificate = attempt(
      certPath,
      "a certificate",
      () => new X509Certificate(certificatePem),
    );
    const key = attempt(keyPath, "a private key", () => createPrivateKey(readText(keyPath)));
    if (!certificate.ca) throw unusable(certPath, "is not the certificate of an authority");
    if (!certificate.checkPrivateKey(key)) throw unusable(keyPath, `is not the key of ${certPath}`);
    if (key.asymmetricKeyType !== "ec" && key.asymmetricKeyType !== "rsa") {
      throw unusable(keyPath, "is neither an RSA nor an elliptic curve key");
    }
    const subject = subjectOf(certificate.raw, createPublicKey(key));
    return new CertificateAuthority(certificatePem, { key, ...subject }, calendar);
  }

  /** What a TLS server needs to be this host, a name or an IP address. */
  contextFor(host: string): SecureContext {
    const nowMs = this.#calendar();
    const held = this.#minted.get(host);
    if (held && nowMs - held.madeMs < RENEW_MS) return held.context;
    const { publicKey, privateKey } = this.#hostKeys;
    const wish = { publicKey, commonName: host, nowMs, lifeDays: LIFE_DAYS };
    const context = createSecureContext({
      cert: hostCertificate(this.#issuer, host, wish) + this.#chain,
      key: pemOf(privateKey),
    });
    this.#minted.set(host, { context, madeMs: nowMs });
    return context;
  }
}

function pemOf(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" });
}

function readText(path: string): string {
  return attempt(path, "a file", () => readFileSync(path, "utf8"));
}

function attempt<T>(path: string, what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const reason = (error as Error).message;
    throw new UserError(EXIT.usage, `${path} cannot be read as ${what}: ${reason}`, error);
  }
}

function unusable(path: string, why: string): UserError {
  return new UserError(EXIT.usage, `${path} ${why}; make one by registry-proxy gen-ca`);
}
