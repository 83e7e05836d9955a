import { createHash } from "node:crypto";
import type { Plugin } from "rolldown";
import { defineConfig } from "rolldown";

/** What `dfget URL` runs when a daemon is there: read from one file, it starts in half the time. */
const PLAIN_GET =
  /\/(?:dfget\/(?:cli\/(?!batch-connection|complete-|daemon-start|daemon-process|image-|json-|url-)[^/]+|config|node-places|daemon\/(?:place-name|socket-path|download-(?:event|frames)|request-limits))|platform\/(?:clock|config(?:-option)?|lifecycle|option-\w+|output|printable-url|quantity|similar-word|user-error)|protocol\/(?:endpoint|error-table|protocol-error|limits))\.ts$/;

/** Modules of which a short download calls little or nothing, and which take part of a millisecond to load. */
const CALLED_LATER = new Set(["node:fs/promises", "node:os"]);

/**
 * Imports of Node's own modules become calls. For an import Node makes a module of all that its own one exports, and looks at each:
 * of `node:fs` that loads streams, which takes as long as a third of a small download.
 */
const nodeModulesAtOnce: Plugin = {
  name: "node-modules-at-once",
  renderChunk: (code) => ({
    // One line stays one line, so that the map is right as it is.
    code: code.replaceAll(
      /^import \{ ([^}]+) \} from "(node:[a-z/_]+)";$/gm,
      (_, names: string, module: string) =>
        CALLED_LATER.has(module) ? calledLater(names, module) : gotAtOnce(names, module),
    ),
    map: null,
  }),
};

function gotAtOnce(names: string, module: string): string {
  return `const { ${names.replaceAll(" as ", ": ")} } = process.getBuiltinModule("${module}");`;
}

/** The module is loaded when one of its functions is called first; what is no function `node:fs` has too. */
function calledLater(names: string, module: string): string {
  const constants = names.split(", ").filter((name) => /^constants\b/.test(name));
  const functions = names.split(", ").filter((name) => !constants.includes(name));
  const later = functions.map((name) => {
    const [exported, local = exported] = name.split(" as ");
    return `const ${local} = (...args) => process.getBuiltinModule("${module}").${exported}(...args);`;
  });
  if (constants.length > 0) later.push(gotAtOnce(constants.join(", "), "node:fs"));
  return later.join(" ");
}

/** Stands for the hash of a part's content until that is known. */
const NO_HASH = "0".repeat(12);

/**
 * What a download begins with becomes CommonJS, of which `loadPart` keeps the compiled code, under a name that tells its content.
 * Others import it from a file that only passes on what it exports.
 */
const getAsScript: Plugin = {
  name: "get-as-script",
  renderChunk: (code) => ({
    code: code.replaceAll(
      '() => import("./part-plain-get.js")',
      `import.meta.dirname + "/part-get-${NO_HASH}.cjs"`,
    ),
    map: null,
  }),
  generateBundle(_, bundle) {
    const [main, part, map] = ["main.js", "part-get.js", "part-get.js.map"].map((n) => bundle[n]);
    if (main?.type !== "chunk" || part?.type !== "chunk" || map?.type !== "asset") {
      throw new Error("there is no main.js, no part-get.js or no map of it");
    }
    const { script, names } = asScript(part.code);
    const hash = createHash("sha256").update(script).digest("hex").slice(0, NO_HASH.length);
    const fileName = `part-get-${hash}.cjs`;
    const source = `${script}//# sourceMappingURL=${fileName}.map\n`;
    this.emitFile({ type: "asset", fileName, source });
    const { mappings, ...mapped } = JSON.parse(String(map.source)) as { mappings: string };
    const moved = JSON.stringify({ ...mapped, file: fileName, mappings: `;${mappings}` });
    this.emitFile({ type: "asset", fileName: `${fileName}.map`, source: moved });
    delete bundle["part-get.js.map"];
    // A thread of its own has not loaded it yet.
    const exported = `globalThis[Symbol.for("${fileName}")]??createRequire(import.meta.url)("./${fileName}")`;
    part.code = `import{createRequire}from"node:module";export const{${names.join(",")}}=${exported};\n`;
    main.code = main.code.replace(NO_HASH, hash);
    if (!main.code.includes(fileName)) throw new Error("main.js does not load part-get.js");
  },
};

/** A module without imports as CommonJS, one line longer, and the names that it exports. */
function asScript(code: string): { script: string; names: string[] } {
  const [, body = "", list = ""] = /^(.*)export\{([^}]+)\};\s*\/\/[^\n]*\s*$/s.exec(code) ?? [];
  const pairs = list.split(",").map((pair) => pair.split(" as "));
  const exported = pairs.map(([local, name = local]) => `${name}:${local}`).join(",");
  // By `require` it runs; as a script it is what runs it, without a copy of all the text in a wrapper.
  const start =
    '(run=>typeof module==="object"?run(module,__filename):run)(function(module,__filename){' +
    '"use strict";const loader=module.loader??(path=>import(path));';
  // Names of the same length, so that the map stays right.
  const rest = body
    .replaceAll("import.meta.url", "__filename     ")
    .replaceAll("import(", "loader(");
  if (body === "" || /\bloader\b/.test(body) || /\bimport\b[^:]/.test(rest)) {
    throw new Error("part-get.js cannot become CommonJS");
  }
  const names = pairs.map(([local = "", name = local]) => name);
  return { script: `${start}\n${rest}module.exports={${exported}};})\n`, names };
}

/** Puts `dfget` together into few files, in place of those that the compiler wrote. */
export default defineConfig({
  input: {
    main: "dfget/main.ts",
    // Started by its name, from beside the code that starts it.
    "download-worker": "dfget/transfer/download-worker.ts",
  },
  platform: "node",
  external: /^(?:node:|[a-z@])/,
  plugins: [nodeModulesAtOnce, getAsScript],
  treeshake: { moduleSideEffects: false },
  output: {
    dir: "dist/dfget",
    format: "esm",
    sourcemap: true,
    chunkFileNames: "part-[name].js",
    comments: false,
    minifyInternalExports: false,
    // Node makes a string of all that it loads, of which V8 collects less this way. Names stay, for the traces of defects.
    minify: { compress: true, mangle: { keepNames: true }, codegen: true },
    codeSplitting: { groups: [{ name: "get", test: PLAIN_GET }] },
  },
});
