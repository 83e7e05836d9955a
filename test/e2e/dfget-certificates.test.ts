import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { EXIT } from "../../platform/user-error.ts";
import { runProgramToEnd } from "../harness/darter-programs.ts";
import { describeWhere } from "../harness/describe-where.ts";
import { HttpsOrigin, makeCertificates, type Certificates } from "../harness/https-origin.ts";
import { seededBytes } from "../harness/seeded-bytes.ts";
import { TemporaryDirectory } from "../harness/temporary-directory.ts";

const CONTENT = seededBytes("certificates", 900_000);

describeWhere(["openssl"], "dfget at an origin with certificates of its own", () => {
  const resources = new AsyncDisposableStack();
  let home: TemporaryDirectory;
  let certificates: Certificates;
  let origin: HttpsOrigin;

  beforeAll(async () => {
    home = resources.use(await TemporaryDirectory.create("tls"));
    certificates = await makeCertificates(home);
    origin = resources.use(await HttpsOrigin.start(certificates, CONTENT));
  });

  afterAll(() => resources.disposeAsync());

  const run = async (...flags: string[]) =>
    await runProgramToEnd("dfget", { args: [`${origin.url}/f`, "-o", home.join("f"), ...flags] });

  it("trusts the authority of --cacert, anybody with --insecure, and nobody else", async () => {
    const refused = await run("--direct");
    expect(refused.code).toBe(EXIT.unreachable);
    expect(refused.stderr).toMatch(/no secure connection/);
    expect(refused.stderr).not.toContain("reads the origin itself");
    const trusting = await run("--cacert", certificates.ca);
    expect(trusting.code).toBe(EXIT.ok);
    expect(trusting.stderr).toContain("with --cacert this process reads the origin itself");
    expect((await run("-k")).code).toBe(EXIT.ok);
    expect((await readFile(home.join("f"))).equals(CONTENT)).toBe(true);
    expect(origin.clients.every((client) => client === undefined)).toBe(true);
  });

  it("shows the client certificate of --cert and --key", async () => {
    const { clientCert, clientKey, ca } = certificates;
    expect((await run("--cacert", ca, "--cert", clientCert, "--key", clientKey)).code).toBe(
      EXIT.ok,
    );
    expect(origin.clients.at(-1)).toBe("a client");
  });

  it("says which file is of no use", async () => {
    await writeFile(home.join("no.pem"), "nothing");
    for (const flag of ["--cacert", "--cert"]) {
      for (const path of [home.join("no.pem"), home.join("absent")]) {
        const { code, stderr } = await run(flag, path);
        expect(code).toBe(EXIT.usage);
        expect(stderr).toContain(`${flag} ${path}`);
      }
    }
  });
});
