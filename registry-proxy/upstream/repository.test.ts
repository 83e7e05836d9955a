import { describe, expect, it } from "vitest";

import { findRepository } from "./repository.ts";
import { UpstreamList } from "./upstream-list.ts";

const HUB = "https://registry-1.docker.io";

describe("the repository that a request means", () => {
  it.each([
    // ns first
    ["library/nginx", "docker.io", [], HUB, "library/nginx"],
    ["team/app", "my.reg:5443", [], "https://my.reg:5443", "team/app"],
    ["team/app", "MY.reg", [], "https://my.reg", "team/app"],
    ["a.io/app", "my.reg", [], "https://my.reg", "a.io/app"],
    // then the path
    ["docker.io/library/nginx", undefined, [], HUB, "library/nginx"],
    ["docker.io/nginx", undefined, [], HUB, "library/nginx"],
    ["ghcr.io/nginx", undefined, [], "https://ghcr.io", "nginx"],
    ["localhost/app", undefined, [], "https://localhost", "app"],
    ["10.0.0.1:5000/a/b", undefined, [], "https://10.0.0.1:5000", "a/b"],
    // then the default
    ["library/nginx", undefined, [], HUB, "library/nginx"],
    ["nginx", undefined, ["http://reg:5000", "https://b.io"], "http://reg:5000", "nginx"],
    // a listed registry is reached as listed
    ["app", "reg:5000", ["https://b.io", "http://reg:5000"], "http://reg:5000", "app"],
    ["app", "reg", ["http://reg"], "http://reg", "app"],
    ["app", "reg:80", ["http://reg"], "http://reg", "app"],
    ["app", "b.io:443", ["https://b.io"], "https://b.io", "app"],
    ["app", "reg:5001", ["http://reg:5000"], "https://reg:5001", "app"],
    ["x/y", "index.docker.io", ["https://docker.io"], HUB, "x/y"],
    ["x/y", "[::1]:5000", ["http://[::1]:5000"], "http://[::1]:5000", "x/y"],
  ])("%s with ns %s and upstreams %j is %s %s", (clientName, ns, urls, baseUrl, name) => {
    const repository = findRepository(clientName, ns, new UpstreamList(urls));
    expect(repository).toMatchObject({ name, clientName, upstream: { baseUrl } });
  });

  it.each([
    ["Team/App", undefined],
    ["a//b", undefined],
    ["../x", undefined],
    ["a/..", undefined],
    ["docker.io/", undefined],
    ["a".repeat(256), undefined],
    ["app", ""],
    ["app", "my.reg/path"],
    ["app", "user@my.reg"],
    ["app", "my.reg:99999"],
    ["app", "a b"],
    ["app", "x".repeat(300)],
  ])("%s with ns %s is refused", (clientName, ns) => {
    expect(() => findRepository(clientName, ns, new UpstreamList([]))).toThrow(
      expect.objectContaining({ status: 400, code: "NAME_INVALID" }),
    );
  });
});

describe("--upstream", () => {
  it("allows the addresses that it names", () => {
    const list = new UpstreamList(["http://127.0.0.1:5000", "https://docker.io", "http://[::1]"]);
    expect(list.originPatterns).toEqual(["127.0.0.1:5000", "registry-1.docker.io:443", "[::1]:80"]);
  });

  it("takes a registry without a scheme as one that speaks HTTPS", () => {
    expect(new UpstreamList(["ghcr.io"]).default).toEqual({
      registry: "ghcr.io",
      baseUrl: "https://ghcr.io",
    });
  });

  it.each([
    ["ftp://reg", "must be the URL of a registry"],
    ["http://", "must be the URL of a registry"],
    ["http://reg/path", "must end after the host and the port"],
    ["http://reg/?x=secret", "must end after the host and the port"],
  ])("%s is refused by a sentence", (text, sentence) => {
    expect(() => new UpstreamList([text])).toThrow(sentence);
  });

  it("does not repeat a password that stands in it", () => {
    expect(() => new UpstreamList(["http://joe:hunter2@reg:5000"])).toThrow(
      /^--upstream for reg:5000 must not hold a user name or a password; remove them$/,
    );
  });
});
