import type { KeyObject } from "node:crypto";
import { createHash, createPublicKey, randomBytes, sign } from "node:crypto";
import { isIP, SocketAddress } from "node:net";

import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  objectId,
  octetString,
  readDer,
  sequence,
  set,
  time,
  utf8String,
} from "./der.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** Machines whose clocks are behind take a fresh certificate too. */
const SKEW_MS = DAY_MS;

/** Who signs: a key, and how its certificate names it. */
export interface Issuer {
  readonly key: KeyObject;
  /** The subject of its certificate, as it is written there. */
  readonly name: Uint8Array;
  /** The identifier of its key in its certificate. */
  readonly keyId: Uint8Array;
}

/** What is signed for whom. */
export interface CertificateWish {
  readonly publicKey: KeyObject;
  readonly commonName: string;
  readonly nowMs: number;
  readonly lifeDays: number;
}

/** The certificate, in PEM, of an authority that signs for hosts and signs itself. */
export function authorityCertificate(
  key: KeyObject,
  wish: Omit<CertificateWish, "publicKey">,
): string {
  const publicKey = createPublicKey(key);
  const keyId = keyIdOf(publicKey);
  const name = nameOf(wish.commonName);
  const extensions = [
    // An authority, for hosts only: none below it.
    extension("2.5.29.19", sequence(boolean(true), integer(Uint8Array.of(0))), true),
    // keyCertSign and cRLSign.
    extension("2.5.29.15", bitString(Uint8Array.of(0x06), 1), true),
    extension("2.5.29.14", octetString(keyId)),
  ];
  return signed({ key, name, keyId }, { ...wish, publicKey }, extensions);
}

/** The certificate, in PEM, of a server of this name or IP address. */
export function hostCertificate(issuer: Issuer, host: string, wish: CertificateWish): string {
  const extensions = [
    extension("2.5.29.19", sequence(), true),
    // digitalSignature.
    extension("2.5.29.15", bitString(Uint8Array.of(0x80), 7), true),
    // serverAuth.
    extension("2.5.29.37", sequence(objectId("1.3.6.1.5.5.7.3.1"))),
    extension("2.5.29.17", sequence(alternativeName(host))),
    extension("2.5.29.14", octetString(keyIdOf(wish.publicKey))),
    extension("2.5.29.35", sequence(implicit(0, issuer.keyId))),
  ];
  return signed(issuer, wish, extensions);
}

/** How a certificate in DER names its subject and the key of it. Throws RangeError for what is not one. */
export function subjectOf(certificate: Uint8Array, publicKey: KeyObject): Omit<Issuer, "key"> {
  const [whole] = readDer(certificate);
  const [signedPart] = readDer(whole?.content ?? new Uint8Array());
  const fields = readDer(signedPart?.content ?? new Uint8Array());
  const first = fields[0]?.tag === 0xa0 ? 1 : 0;
  const name = fields[first + 4]?.whole;
  if (!name) throw new RangeError("the certificate has no subject");
  const extensions = fields.find(({ tag }) => tag === 0xa3);
  return { name, keyId: (extensions && keyIdIn(extensions.content)) ?? keyIdOf(publicKey) };
}

function keyIdIn(extensions: Uint8Array): Uint8Array | undefined {
  const wanted = Buffer.from(objectId("2.5.29.14"));
  for (const { content } of readDer(readDer(extensions)[0]?.content ?? new Uint8Array())) {
    const fields = readDer(content);
    if (!wanted.equals(fields[0]?.whole ?? new Uint8Array())) continue;
    return readDer(fields.at(-1)?.content ?? new Uint8Array())[0]?.content;
  }
  return undefined;
}

function signed(
  issuer: Issuer,
  { publicKey, commonName, nowMs, lifeDays }: CertificateWish,
  extensions: readonly Uint8Array[],
): string {
  const algorithm = algorithmOf(issuer.key);
  const serial = randomBytes(16);
  // Positive, and not shorter than it seems.
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const content = sequence(
    explicit(0, integer(Uint8Array.of(2))),
    integer(serial),
    algorithm,
    issuer.name,
    sequence(time(new Date(nowMs - SKEW_MS)), time(new Date(nowMs + lifeDays * DAY_MS))),
    nameOf(commonName),
    publicKey.export({ type: "spki", format: "der" }),
    explicit(3, sequence(...extensions)),
  );
  const signature = sign("sha256", content, issuer.key);
  return pem("CERTIFICATE", sequence(content, algorithm, bitString(signature)));
}

function extension(id: string, value: Uint8Array, isCritical = false): Uint8Array {
  const critical = isCritical ? [boolean(true)] : [];
  return sequence(objectId(id), ...critical, octetString(value));
}

/** RFC 5280 has room for 64 characters of a common name; the whole name stands in the extension. */
function nameOf(commonName: string): Uint8Array {
  return sequence(set(sequence(objectId("2.5.4.3"), utf8String(commonName.slice(0, 64)))));
}

function alternativeName(host: string): Uint8Array {
  return isIP(host) === 0 ? implicit(2, Buffer.from(host)) : implicit(7, addressBytes(host));
}

function addressBytes(address: string): Uint8Array {
  if (isIP(address) === 4) return Uint8Array.from(address.split("."), Number);
  const written = new SocketAddress({ address, family: "ipv6" }).address;
  const [head = "", tail] = written.split("::");
  const groups = (text: string): string[] => (text === "" ? [] : text.split(":"));
  const [before, after] = [groups(head), groups(tail ?? "")];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  const all = tail === undefined ? before : [...before, ...zeros, ...after];
  return Uint8Array.from(
    all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]),
  );
}

function algorithmOf(key: KeyObject): Uint8Array {
  return key.asymmetricKeyType === "ec"
    ? sequence(objectId("1.2.840.10045.4.3.2"))
    : sequence(objectId("1.2.840.113549.1.1.11"), Uint8Array.of(0x05, 0x00));
}

function keyIdOf(publicKey: KeyObject): Uint8Array {
  const [whole] = readDer(publicKey.export({ type: "spki", format: "der" }));
  const bits = readDer(whole?.content ?? new Uint8Array())[1]?.content ?? new Uint8Array();
  return createHash("sha1").update(bits.subarray(1)).digest();
}

function pem(label: string, bytes: Uint8Array): string {
  const lines = Buffer.from(bytes).toString("base64").replaceAll(/.{64}/g, "$&\n").trimEnd();
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
