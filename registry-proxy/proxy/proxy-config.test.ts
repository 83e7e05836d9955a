import { describe, expect, it } from "vitest";
import { parse } from "yaml";

import { EXIT, UserError } from "../../platform/user-error.ts";
import { parseProxyConfig } from "./proxy-config.ts";

const problem = (what: string): UserError => new UserError(EXIT.usage, what);
const read = (text: string) => parseProxyConfig(parse(text), "/etc/darter", problem);

describe("the file of the proxy", () => {
  it("is read into rules, hosts, an authority and clients", () => {
    const config = read(`
rules:
  - match: ^http://files\\.example\\.com/
  - match: \\.tar$
    use: direct
    https: true
    redirect: Mirror.example.com:8443
    filter: [X-Amz-Signature]
intercept:
  cert: ca.crt
  key: /secret/ca.key
  hosts: ["^files\\\\.example\\\\.com:443$"]
clients: [10.0.0.0/8, 192.0.2.7]
`);
    expect(config.rules).toEqual([
      {
        match: /^http:\/\/files\.example\.com\//,
        isShared: true,
        isHttps: false,
        redirect: undefined,
        filter: [],
      },
      {
        match: /\.tar$/,
        isShared: false,
        isHttps: true,
        redirect: "mirror.example.com:8443",
        filter: ["X-Amz-Signature"],
      },
    ]);
    expect(config.intercepted).toEqual([/^files\.example\.com:443$/]);
    expect(config.authority).toEqual({ certPath: "/etc/darter/ca.crt", keyPath: "/secret/ca.key" });
    expect(config.clients.check("10.1.2.3")).toBe(true);
    expect(config.clients.check("192.0.2.7")).toBe(true);
    expect(config.clients.check("192.0.2.8")).toBe(false);
  });

  it("may be empty", () => {
    expect(read("")).toMatchObject({ rules: [], intercepted: [], authority: undefined });
  });

  it.each([
    ["- a", "the file must hold keys and values"],
    ["rule: []", 'the file has the unknown key "rule"; the keys are rules, intercept, clients'],
    ["rules: x", "rules must be a list"],
    ["rules: [x]", "rules[0] must hold keys and values"],
    ["rules: [{match: a}, {use: p2p}]", "rules[1].match must be a text"],
    ["rules: [{match: '('}]", "rules[0].match is no regular expression"],
    ["rules: [{match: a, use: never}]", 'rules[0].use is "never"; it is p2p or direct'],
    ["rules: [{match: a, regx: b}]", 'rules[0] has the unknown key "regx"'],
    ["rules: [{match: a, https: 1}]", "rules[0].https must be true or false"],
    ["rules: [{match: a, redirect: 'http://h/'}]", "rules[0].redirect is not a host or host:port"],
    ["rules: [{match: a, filter: [1]}]", "rules[0].filter[0] must be a text"],
    ["intercept: {hosts: [a]}", "intercept needs cert and key; make them by registry-proxy gen-ca"],
    ["intercept: {hosts: ['[']}", "intercept.hosts[0] is no regular expression"],
    ["clients: [example.com]", "clients[0] is neither an address nor a range"],
    ["clients: [10.0.0.0/33]", "clients[0] is neither an address nor a range"],
  ])("is refused when it says %s", (text, message) => {
    expect(() => read(text)).toThrow(message);
  });
});
