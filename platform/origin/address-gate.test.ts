import { describe, expect, it } from "vitest";

import { AddressGate } from "./address-gate.ts";
import { specialAddressKind } from "./special-address.ts";

function refusal(patterns: readonly string[], url: string, address: string): string | undefined {
  return new AddressGate(patterns).refusal(new URL(url), address)?.message;
}

describe("the kind of an address", () => {
  it.each([
    ["127.0.0.1", "loopback"],
    ["127.255.0.3", "loopback"],
    ["::1", "loopback"],
    ["::ffff:127.0.0.1", "loopback"],
    ["::ffff:7f00:1", "loopback"],
    ["64:ff9b::7f00:1", "loopback"],
    ["0.0.0.0", "unspecified"],
    ["::", "unspecified"],
    ["169.254.1.1", "link-local"],
    ["fe80::1", "link-local"],
    ["fe80::1%eth0", "link-local"],
    ["224.0.0.1", "multicast"],
    ["ff02::1", "multicast"],
    ["255.255.255.255", "reserved"],
    ["169.254.169.254", "cloud metadata"],
    ["::ffff:169.254.169.254", "cloud metadata"],
    ["fd00:ec2::254", "cloud metadata"],
    ["100.100.100.200", "cloud metadata"],
    ["168.63.129.16", "cloud metadata"],
  ])("of %s is %s", (address, kind) => {
    expect(specialAddressKind(address)).toBe(kind);
  });

  it.each(["10.0.0.1", "192.168.1.1", "172.16.0.9", "8.8.8.8", "2001:db8::1", "fd00::1"])(
    "of %s is an ordinary one",
    (address) => {
      expect(specialAddressKind(address)).toBeUndefined();
    },
  );
});

describe("the gate", () => {
  it("refuses a special address by a sentence that names the flag and no secret", () => {
    expect(refusal([], "http://u:p@localhost:5000/x?token=1", "127.0.0.1")).toBe(
      "the origin http://localhost:5000/x is at 127.0.0.1, a loopback address, which is refused; " +
        "start with --allow-origin localhost:5000 if it is meant",
    );
  });

  it("lets ordinary addresses through", () => {
    expect(refusal([], "https://registry.example/v2/", "10.1.2.3")).toBeUndefined();
  });

  it.each([
    ["localhost", "http://localhost:5000/"],
    ["localhost:5000", "http://localhost:5000/"],
    ["*.test", "http://registry.test/"],
    ["registry.*:80", "http://registry.test/"],
    ["127.0.0.1", "http://a.example/"],
    ["127.0.0.1:443", "https://a.example/"],
    ["127.0.0.0/8", "http://a.example/"],
    ["*", "http://a.example/"],
  ])("lets through what %s lists", (pattern, url) => {
    expect(refusal([pattern], url, "127.0.0.1")).toBeUndefined();
  });

  it.each([
    ["localhost:5001", "http://localhost:5000/"],
    ["ocalhost", "http://localhost:5000/"],
    ["l.calhost", "http://localhost:5000/"],
    ["127.0.0.2", "http://localhost:5000/"],
    ["127.0.0.1:443", "http://a.example/"],
    ["10.0.0.0/8", "http://a.example/"],
  ])("does not take %s for a listing of others", (pattern, url) => {
    expect(refusal([pattern], url, "127.0.0.1")).toContain("is refused");
  });

  it("knows IPv6 patterns with and without a port", () => {
    expect(refusal(["[::1]:80"], "http://[::1]/", "::1")).toBeUndefined();
    expect(refusal(["::1"], "http://[::1]:81/", "::1")).toBeUndefined();
    expect(refusal(["[::1]:80"], "http://[::1]:81/", "::1")).toContain("[::1]:81");
    expect(refusal(["fe80::/10"], "http://a.example/", "fe80::5")).toBeUndefined();
  });

  it.each(["", "http://localhost", "10.0.0.0/33", "a b", "host:99999"])(
    "does not take %j for a pattern",
    (pattern) => {
      expect(() => new AddressGate([pattern])).toThrow(/^--allow-origin/);
    },
  );

  it("refuses what is not HTTP", () => {
    expect(() => new AddressGate([]).checkUrl(new URL("file:///etc/passwd"))).toThrow(
      "file:// is not supported; use http or https",
    );
  });
});
