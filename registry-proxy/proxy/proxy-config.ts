import { BlockList, isIP } from "node:net";
import { dirname, resolve } from "node:path";

import { FieldReader, readYaml } from "../../platform/field-reader.ts";
import { addRange } from "../../platform/origin/special-address.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import { isRegistryName } from "../upstream/upstream-list.ts";
import type { ProxyRule } from "./proxy-rules.ts";

/** The most rules of one file; each is tried on every request. */
export const RULES_MAX = 1000;

/** What `--proxy-config` says. */
export interface ProxyConfig {
  readonly rules: readonly ProxyRule[];
  /** Hosts whose HTTPS is opened, tried on `host:port`; none when empty. */
  readonly intercepted: readonly RegExp[];
  /** The files of the authority in whose name that is done. */
  readonly authority: { readonly certPath: string; readonly keyPath: string } | undefined;
  /** Addresses of other machines that may use the proxy. */
  readonly clients: BlockList;
}

/** Reads the file. Throws UserError (usage) with a sentence that names the file, the place in it and what is wrong. */
export function readProxyConfig(path: string): ProxyConfig {
  const problem = (what: string): UserError =>
    new UserError(EXIT.usage, `the proxy configuration ${path}: ${what}`);
  return parseProxyConfig(readYaml(path, problem), dirname(path), problem);
}

/** Reads what such a file holds; paths in it are relative to `directory`. */
export function parseProxyConfig(
  content: unknown,
  directory: string,
  problem: (what: string) => UserError,
): ProxyConfig {
  const reader = new FieldReader(problem);
  const file = reader.fields(content ?? {}, "the file", ["rules", "intercept", "clients"]);
  const rules = reader.list(file["rules"], "rules");
  if (rules.length > RULES_MAX) throw problem(`it has more than ${RULES_MAX} rules`);
  const intercept = reader.fields(file["intercept"] ?? {}, "intercept", ["cert", "key", "hosts"]);
  const intercepted = reader
    .list(intercept["hosts"], "intercept.hosts")
    .map((each, index) => reader.pattern(each, `intercept.hosts[${index}]`));
  const certPath = reader.text(intercept["cert"], "intercept.cert");
  const keyPath = reader.text(intercept["key"], "intercept.key");
  if (intercepted.length > 0 && (certPath === undefined || keyPath === undefined)) {
    throw problem("intercept needs cert and key; make them by registry-proxy gen-ca");
  }
  return {
    rules: rules.map((each, index) => ruleOf(reader, each, `rules[${index}]`)),
    intercepted,
    authority:
      certPath === undefined || keyPath === undefined
        ? undefined
        : { certPath: resolve(directory, certPath), keyPath: resolve(directory, keyPath) },
    clients: clientsOf(reader, file["clients"], problem),
  };
}

function ruleOf(reader: FieldReader, content: unknown, where: string): ProxyRule {
  const keys = ["match", "use", "https", "redirect", "filter"];
  const fields = reader.fields(content, where, keys);
  const use = reader.text(fields["use"], `${where}.use`) ?? "p2p";
  if (use !== "p2p" && use !== "direct") {
    throw reader.problem(`${where}.use is ${JSON.stringify(use)}; it is p2p or direct`);
  }
  const redirect = reader.text(fields["redirect"], `${where}.redirect`)?.toLowerCase();
  if (redirect !== undefined && !isRegistryName(redirect)) {
    throw reader.problem(`${where}.redirect is not a host or host:port`);
  }
  return {
    match: reader.pattern(fields["match"], `${where}.match`),
    isShared: use === "p2p",
    isHttps: reader.flag(fields["https"], `${where}.https`),
    redirect,
    filter: reader
      .list(fields["filter"], `${where}.filter`)
      .map((each, index) => reader.required(each, `${where}.filter[${index}]`)),
  };
}

function clientsOf(
  reader: FieldReader,
  content: unknown,
  problem: (what: string) => UserError,
): BlockList {
  const clients = new BlockList();
  for (const [index, each] of reader.list(content, "clients").entries()) {
    const text = reader.required(each, `clients[${index}]`);
    if (addRange(clients, text)) continue;
    if (isIP(text) === 0) {
      throw problem(`clients[${index}] is neither an address nor a range such as 10.0.0.0/8`);
    }
    clients.addAddress(text, isIP(text) === 4 ? "ipv4" : "ipv6");
  }
  return clients;
}
