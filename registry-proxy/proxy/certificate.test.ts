import { X509Certificate, generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { mkdtempSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer as createTcpServer, isIP } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TLSSocket, checkServerIdentity, connect } from "node:tls";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";

import { authorityCertificate } from "./certificate.ts";
import { CertificateAuthority } from "./certificate-authority.ts";
import { der, readDer, time } from "./der.ts";
import { runGenCa } from "./gen-ca-command.ts";

const DAY_MS = 86_400_000;
const directory = mkdtempSync(join(tmpdir(), "darter-ca-"));
afterAll(() => rm(directory, { recursive: true }));

const at = (name: string): string => join(directory, name);
const generate = (cert: string, key: string, ...args: string[]) =>
  runGenCa(
    ["--cert-output", at(cert), "--key-output", at(key), ...args],
    {},
    () => undefined,
    Date.now,
  );

/** What a client that trusts `ca` makes of the authority's server for `host`, when it expects `expected`. */
async function seenByClient(
  authority: CertificateAuthority,
  ca: string,
  host: string,
  expected = host,
): Promise<{ isTrusted?: boolean; issuer?: string; error?: string }> {
  const server = createTcpServer((socket) => {
    const secureContext = authority.contextFor(host);
    new TLSSocket(socket, { isServer: true, secureContext }).on("error", () => undefined);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const name = isIP(expected) === 0 ? { servername: expected } : {};
  const socket = connect({
    ...name,
    host: "127.0.0.1",
    port,
    ca,
    checkServerIdentity: (_host, certificate) => checkServerIdentity(expected, certificate),
  });
  try {
    await once(socket, "secureConnect");
    return { isTrusted: socket.authorized, issuer: socket.getPeerX509Certificate()!.issuer };
  } catch (error) {
    return { error: (error as NodeJS.ErrnoException).code ?? String(error) };
  } finally {
    socket.destroy();
    server.close();
  }
}

describe("registry-proxy gen-ca", () => {
  it("makes an authority whose key only its owner may read", async () => {
    await generate("a.crt", "a.key", "--common-name", "Our cluster", "--days", "100");
    const certificate = new X509Certificate(await readFile(at("a.crt")));
    expect(certificate.ca).toBe(true);
    expect(certificate.subject).toBe("CN=Our cluster");
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    const lifeDays = (Date.parse(certificate.validTo) - Date.now()) / DAY_MS;
    expect(lifeDays).toBeGreaterThan(99.9);
    expect(lifeDays).toBeLessThan(100.1);
    expect((await stat(at("a.key"))).mode & 0o777).toBe(0o600);
  });

  it("overwrites nothing unless it is told to", async () => {
    await generate("b.crt", "b.key");
    const before = await readFile(at("b.crt"), "utf8");
    await expect(generate("b.crt", "other.key")).rejects.toThrow("b.crt exists already");
    await expect(generate("other.crt", "b.key")).rejects.toThrow("b.key exists already");
    expect(await readFile(at("b.crt"), "utf8")).toBe(before);
    await generate("b.crt", "b.key", "--overwrite");
    expect(await readFile(at("b.crt"), "utf8")).not.toBe(before);
  });
});

describe("the proxy's authority", () => {
  const hosts = ["files.example.com", "192.0.2.7", "2001:db8::7", `${"a".repeat(60)}.example.com`];

  it.each(["ec", "rsa"])("vouches for hosts with a key of kind %s", async (kind) => {
    const { privateKey } =
      kind === "ec"
        ? generateKeyPairSync("ec", { namedCurve: "P-384" })
        : generateKeyPairSync("rsa", { modulusLength: 2048 });
    const wish = { commonName: "Tests", nowMs: Date.now(), lifeDays: 2 };
    const ca = authorityCertificate(privateKey, wish);
    await writeFile(at(`${kind}.crt`), ca);
    await writeFile(at(`${kind}.key`), privateKey.export({ type: "pkcs8", format: "pem" }));
    const authority = CertificateAuthority.load(at(`${kind}.crt`), at(`${kind}.key`), Date.now);
    for (const host of hosts) {
      const seen = await seenByClient(authority, ca, host);
      expect(seen).toMatchObject({ isTrusted: true, issuer: "CN=Tests" });
      expect((await seenByClient(authority, ca, host, "other.example.com")).error).toBe(
        "ERR_TLS_CERT_ALTNAME_INVALID",
      );
    }
  });

  it("makes one certificate a host, and another one when half of its life is over", async () => {
    await generate("c.crt", "c.key");
    let nowMs = Date.now();
    const authority = CertificateAuthority.load(at("c.crt"), at("c.key"), () => nowMs);
    const first = authority.contextFor("a.example.com");
    expect(authority.contextFor("a.example.com")).toBe(first);
    expect(authority.contextFor("b.example.com")).not.toBe(first);
    nowMs += 16 * DAY_MS;
    expect(authority.contextFor("a.example.com")).not.toBe(first);
  });

  it("is refused when its files are not what they should be", async () => {
    await generate("d.crt", "d.key");
    await generate("e.crt", "e.key");
    const load = (cert: string, key: string) =>
      CertificateAuthority.load(at(cert), at(key), Date.now);
    expect(() => load("d.crt", "e.key")).toThrow("e.key is not the key of");
    expect(() => load("none.crt", "d.key")).toThrow("none.crt cannot be read as a file");
    expect(() => load("d.key", "d.key")).toThrow("d.key cannot be read as a certificate");
    expect(() => load("d.crt", "d.crt")).toThrow("d.crt cannot be read as a private key");
  });
});

describe("DER", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }), (contents) => {
        const written = Buffer.concat(contents.map((content) => der(0x04, content)));
        expect(readDer(written).map(({ content }) => Buffer.from(content))).toEqual(
          contents.map((content) => Buffer.from(content)),
        );
      }),
    );
  });

  it("that is none is refused or read, but never read beyond its end", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          const read = readDer(bytes).reduce((sum, { whole }) => sum + whole.length, 0);
          expect(read).toBe(bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });

  it("has two forms of a time", () => {
    const text = (iso: string) => Buffer.from(time(new Date(iso)).subarray(2)).toString();
    expect(text("2049-12-31T23:59:58Z")).toBe("491231235958Z");
    expect(text("2050-01-01T00:00:00Z")).toBe("20500101000000Z");
  });
});
