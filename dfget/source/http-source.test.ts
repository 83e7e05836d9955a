import { describe, expect, it } from "vitest";

import { sourceConformance } from "../../test/conformance/source.ts";
import { httpSource } from "./http-source.ts";
import { readListing } from "./listing-page.ts";
import { nameFilter } from "./name-filter.ts";

const files = new Map([
  ["a file.txt", "one"],
  ["empty", ""],
  ["100%.txt", "percent"],
  ["what?#.txt", "marks"],
  ["ö/日本.txt", "letters"],
  ["deep/er/still/x & y.txt", "deep"],
  [".hidden", "dot"],
]);

/** The names in a directory of `files`. */
function namesIn(directory: string): Map<string, boolean> {
  const names = new Map<string, boolean>();
  for (const path of files.keys()) {
    if (!path.startsWith(directory)) continue;
    const [name = "", ...below] = path.slice(directory.length).split("/");
    names.set(name, below.length > 0);
  }
  return names;
}

function listing(directory: string, form: string): string {
  const names = [...namesIn(directory)];
  if (form === "json") {
    return JSON.stringify(
      names.map(([name, isDirectory]) => ({ name, type: isDirectory ? "directory" : "file" })),
    );
  }
  const escaped = (text: string): string => encodeURIComponent(text).replaceAll("'", "&#39;");
  const links = names.map(
    ([name, isDirectory]) =>
      `<a href="${escaped(name)}${isDirectory ? "/" : ""}">${name.slice(0, 5)}..&gt;</a>`,
  );
  const apache = `<a href="?C=N;O=D">Name</a> <a href="/tree/">Parent</a> <a href="http://elsewhere/x">x</a>`;
  return `<html><h1>Index</h1><pre><a href="../">../</a>\n${form === "apache" ? apache : ""}${links.join("\n")}</pre></html>`;
}

for (const form of ["nginx", "apache", "json"]) {
  sourceConformance(`a directory that a server lists in the manner of ${form}`, httpSource, {
    files,
    urlOf: (serverUrl) => `${serverUrl}/tree`,
    absentUrlOf: (serverUrl) => `${serverUrl}/nothing/`,
    options: () => ({}),
    serve(request, response) {
      const path = decodeURIComponent(request.url ?? "");
      const below = path.slice("/tree/".length);
      if (!path.startsWith("/tree/")) response.writeHead(404).end();
      else if (files.has(below)) response.end(files.get(below));
      else if (path.endsWith("/")) response.end(listing(below, form));
      else response.writeHead(404).end();
    },
  });
}

describe("a page that lists a directory", () => {
  const url = "http://h/d/";

  it("gives only names that lie in the directory itself", () => {
    const page = `<a href="x">x</a><a href="/d/y/">y</a><a href="/d/">d</a><a href="../z">z</a>
      <a href="a/b">b</a><a href="?C=N">n</a><a href="x#f">f</a><a href="javascript:1">j</a>
      <A class=k HREF='q%20r'>q</A><a href="%2e%2e/">up</a><a href="%zz">bad</a>`;
    expect(readListing(page, url)).toEqual([
      { name: "x", isDirectory: false },
      { name: "y", isDirectory: true },
      { name: "q r", isDirectory: false },
    ]);
  });

  it("is none where it is neither HTML nor JSON", () => {
    expect(readListing("plain text", url)).toBeUndefined();
    expect(readListing("[1, 2", url)).toBeUndefined();
    expect(readListing('[1, null, {"name": ""}, {"name": "f"}]', url)).toEqual([
      { name: "f", isDirectory: false },
    ]);
  });
});

describe("patterns of names", () => {
  const isWanted = (include: string[], exclude: string[], path: string): boolean =>
    nameFilter(include, exclude)(path);

  it.each([
    [[], [], "a/b.txt", true],
    [["*.txt"], [], "a/b.txt", true],
    [["*.txt"], [], "a/b.md", false],
    [["a/*"], [], "a/b", true],
    [["a/*"], [], "a/b/c", false],
    [["a/**"], [], "a/b/c", true],
    [["**/c"], [], "c", true],
    [["?.md"], [], "a.md", true],
    [["?.md"], [], "ab.md", false],
    [["*"], ["*.tmp"], "x.tmp", false],
    [[], ["docs/**"], "docs/a/b", false],
    [["a+(b).txt"], [], "a+(b).txt", true],
  ])("include %j, exclude %j: %s %s", (include, exclude, path, expected) => {
    expect(isWanted(include, exclude, path)).toBe(expected);
  });
});
