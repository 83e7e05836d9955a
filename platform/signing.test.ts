import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { parseCertificate } from "../protocol/piece-certificate.ts";
import { sha256 } from "./digest-check.ts";
import { Signer, TrustedKeys } from "./signing.ts";

const piece = { taskId: `sha256:${"ab".repeat(32)}`, pieceIndex: 3, lengthBytes: 1000 };
const digest = sha256("the bytes of the piece");

/** A certificate with one bit of one byte turned over. */
function damaged(certificate: Uint8Array, place: number): Uint8Array {
  const copy = certificate.slice();
  copy[place]! ^= 1;
  return copy;
}

describe("a signer", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "darter-signing-"));
  });
  afterAll(async () => await rm(directory, { recursive: true }));

  it("makes its key where there is none, readable by its owner only, and finds it again", async () => {
    const path = join(directory, "new", "key.pem");
    const first = await Signer.load(path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(directory, "new"))).toEqual(["key.pem"]);
    const second = await Signer.load(path);
    expect(second.publicKey).toEqual(first.publicKey);
    expect(second.sign("text")).toEqual(first.sign("text"));
  });

  it("says which file it is when that holds no key, and leaves it as it is", async () => {
    const path = join(directory, "broken.pem");
    await writeFile(path, "no key");
    await expect(Signer.load(path)).rejects.toMatchObject({
      exitCode: 8,
      message: expect.stringContaining(path) as string,
    });
    expect(await readFile(path, "utf8")).toBe("no key");
    await mkdir(join(directory, "folder"));
    await expect(Signer.load(join(directory, "folder"))).rejects.toMatchObject({ exitCode: 8 });
  });
});

describe("the certificate of a piece", () => {
  const supernode = Signer.ephemeral();
  const trusted = new TrustedKeys();
  trusted.add(supernode.publicKey);

  it("made by a believed supernode vouches for the sha256 in it", () => {
    const certificate = supernode.certifyPiece(piece, digest);
    expect(trusted.verifyCertificate(certificate, piece)).toEqual(digest);
  });

  it("is not believed for another task, another piece or another length", () => {
    const certificate = supernode.certifyPiece(piece, digest);
    for (const other of [
      { taskId: `sha256:${"cd".repeat(32)}` },
      { pieceIndex: 4 },
      { lengthBytes: 999 },
    ]) {
      expect(trusted.verifyCertificate(certificate, { ...piece, ...other })).toBeUndefined();
    }
  });

  it("is not believed with any byte of it changed, cut or added", () => {
    for (const certificate of [
      supernode.certifyPiece(piece, digest),
      nodeCertificate(Signer.ephemeral(), supernode),
    ]) {
      for (let place = 0; place < certificate.length; place++) {
        expect(trusted.verifyCertificate(damaged(certificate, place), piece)).toBeUndefined();
      }
      expect(trusted.verifyCertificate(certificate.subarray(1), piece)).toBeUndefined();
      expect(trusted.verifyCertificate(new Uint8Array([...certificate, 0]), piece)).toBeUndefined();
    }
    expect(trusted.verifyCertificate(new Uint8Array(), piece)).toBeUndefined();
  });

  it("is not believed from a supernode that is not known", () => {
    const stranger = Signer.ephemeral();
    expect(trusted.verifyCertificate(stranger.certifyPiece(piece, digest), piece)).toBeUndefined();
    expect(
      new TrustedKeys().verifyCertificate(supernode.certifyPiece(piece, digest), piece),
    ).toBeUndefined();
  });

  it("made by a node is believed when a believed supernode endorsed the node's key", () => {
    const node = Signer.ephemeral();
    const certificate = nodeCertificate(node, supernode);
    expect(trusted.verifyCertificate(certificate, piece)).toEqual(digest);
    expect(trusted.verifyCertificate(certificate, piece)).toEqual(digest);
    expect(trusted.verifyCertificate(certificate, { ...piece, pieceIndex: 4 })).toBeUndefined();
  });

  it("made by a node is not believed with an endorsement by itself, a stranger, or of another node", () => {
    const node = Signer.ephemeral();
    expect(trusted.verifyCertificate(nodeCertificate(node, node), piece)).toBeUndefined();
    expect(
      trusted.verifyCertificate(nodeCertificate(node, Signer.ephemeral()), piece),
    ).toBeUndefined();
    const others = supernode.endorse(Signer.ephemeral().publicKey);
    const stolen = node.certifyPieceAsNode(piece, digest, others);
    expect(trusted.verifyCertificate(stolen, piece)).toBeUndefined();
  });

  it("of an endorsed node is not taken for one of a supernode", () => {
    const node = Signer.ephemeral();
    const { signature } = parseCertificate(nodeCertificate(node, supernode))!;
    const disguised = supernode.certifyPiece(piece, digest);
    disguised.set(signature, 33);
    expect(trusted.verifyCertificate(disguised, piece)).toBeUndefined();
  });

  it("stays believed as more supernodes come, up to the limit, and then the oldest is forgotten", () => {
    const keys = new TrustedKeys();
    expect(keys.add(new Uint8Array(31))).toBe(false);
    expect(keys.add(supernode.publicKey)).toBe(true);
    const certificate = supernode.certifyPiece(piece, digest);
    for (let i = 1; i < TrustedKeys.KEYS_MAX; i++) keys.add(Signer.ephemeral().publicKey);
    expect(keys.size).toBe(TrustedKeys.KEYS_MAX);
    expect(keys.verifyCertificate(certificate, piece)).toEqual(digest);
    keys.add(Signer.ephemeral().publicKey);
    expect(keys.size).toBe(TrustedKeys.KEYS_MAX);
    expect(keys.verifyCertificate(certificate, piece)).toBeUndefined();
  });

  function nodeCertificate(node: Signer, endorser: Signer): Uint8Array {
    return node.certifyPieceAsNode(piece, digest, endorser.endorse(node.publicKey));
  }
});
