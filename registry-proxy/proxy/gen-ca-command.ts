import { generateKeyPairSync } from "node:crypto";
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";

import type { Calendar } from "../../platform/calendar.ts";
import type { ProgramDefinition } from "../../platform/config.ts";
import { loadConfig } from "../../platform/config.ts";
import { optionTable, text, toggle, wholeNumber } from "../../platform/config-option.ts";
import { answerRequest } from "../../platform/config-text.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import { authorityCertificate } from "./certificate.ts";

const schema = optionTable({
  certOutput: text({
    default: "ca.crt",
    description: "where the certificate goes, which clients have to trust",
    placeholder: "FILE",
  }),
  keyOutput: text({
    default: "ca.key",
    description: "where the private key goes, which nobody else may have",
    placeholder: "FILE",
  }),
  commonName: text({
    default: "Darter proxy",
    description: "how the authority is called where certificates are listed",
    placeholder: "NAME",
  }),
  days: wholeNumber({
    default: 3650,
    minimum: 1,
    maximum: 36_500,
    description: "how long the certificate is good for, from now",
  }),
  overwrite: toggle({ default: false, description: "replace files that exist" }),
});

export const genCaDefinition: ProgramDefinition<typeof schema> = {
  program: "registry-proxy gen-ca",
  usage: ["registry-proxy gen-ca [--cert-output FILE] [--key-output FILE]"],
  summary: "Makes a certificate authority, in whose name the proxy opens HTTPS of listed hosts.",
  schema,
  positionalsMax: 0,
};

/** `registry-proxy gen-ca`. Throws UserError when a file exists or cannot be written. */
export async function runGenCa(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  print: (text: string) => void,
  calendar: Calendar,
): Promise<void> {
  const loaded = loadConfig(genCaDefinition, { argv, env });
  if (loaded.request) return print(answerRequest(genCaDefinition, loaded));
  const { certOutput, keyOutput, commonName, days, overwrite } = loaded.config;
  const present = [certOutput, keyOutput].find((path) => !overwrite && existsSync(path));
  if (present !== undefined) {
    const message = `${present} exists already; name another file, or replace it with --overwrite`;
    throw new UserError(EXIT.localFile, message);
  }
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const wish = { commonName, nowMs: calendar(), lifeDays: days };
  const key = privateKey.export({ type: "pkcs8", format: "pem" });
  await write(keyOutput, key, 0o600, overwrite);
  await write(certOutput, authorityCertificate(privateKey, wish), 0o644, overwrite);
  print(`wrote ${certOutput}, which clients have to trust, and ${keyOutput}, which is secret\n`);
}

async function write(
  path: string,
  content: string,
  mode: number,
  overwrite: boolean,
): Promise<void> {
  try {
    await using file = await open(path, overwrite ? "w" : "wx", mode);
    await file.chmod(mode);
    await file.writeFile(content);
  } catch (error) {
    const reason = (error as Error).message;
    throw new UserError(EXIT.localFile, `${path} cannot be written: ${reason}`, error);
  }
}
