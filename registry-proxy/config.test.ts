import { describe, expect, it } from "vitest";

import { loadConfig } from "../platform/config.ts";
import { answerRequest } from "../platform/config-text.ts";
import { UserError } from "../platform/user-error.ts";
import type { RegistryProxySettings } from "./config.ts";
import { registryProxyDefinition, settingsOf } from "./config.ts";

function settings(...argv: string[]): RegistryProxySettings {
  return settingsOf(loadConfig(registryProxyDefinition, { argv, env: {} }).config, {});
}

describe("the options of registry-proxy", () => {
  it("have the documented defaults", () => {
    const { listen, upstreams, peer } = settings();
    expect(listen).toEqual({ host: "127.0.0.1", port: 65_001 });
    expect(upstreams.default.registry).toBe("docker.io");
    expect(peer).toMatchObject({
      listen: { host: "0.0.0.0", port: 65_002 },
      supernodeUrls: [],
      allowOrigins: [],
    });
  });

  it("allow the addresses of upstreams without more ado", () => {
    const { peer, upstreams } = settings(
      "--upstream=http://127.0.0.1:5000",
      "--upstream=https://docker.io",
      "--allow-origin=10.0.0.0/8",
      "--supernode=http://10.0.0.1:8002",
    );
    expect(upstreams.default.baseUrl).toBe("http://127.0.0.1:5000");
    expect(peer.allowOrigins).toEqual(["10.0.0.0/8", "127.0.0.1:5000", "registry-1.docker.io:443"]);
    expect(peer.supernodeUrls).toEqual(["http://10.0.0.1:8002"]);
  });

  it.each([
    [["--listen", "nowhere"], "--listen must be host:port, such as 127.0.0.1:65001"],
    [["--upstream", "ftp://x"], "--upstream must be the URL of a registry"],
    [["--peer-listen", "x"], "--peer-listen must be host:port"],
    [["--no-such"], "--no-such"],
  ])("%j is refused by a sentence", (argv, sentence) => {
    expect(() => settings(...argv)).toThrow(UserError);
    expect(() => settings(...argv)).toThrow(sentence);
  });

  it("are all in the help", () => {
    const loaded = loadConfig(registryProxyDefinition, { argv: ["--help"], env: {} });
    const text = answerRequest(registryProxyDefinition, loaded);
    const flags =
      "listen peer-listen advertise supernode data-dir zone disk-quota allow-origin upstream log-level";
    for (const flag of flags.split(" ")) expect(text).toContain(`--${flag} `);
  });
});
