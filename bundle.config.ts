import type { Plugin } from "rolldown";
import { defineConfig } from "rolldown";

/** What `dfget URL` runs when a daemon is there: read from one file, it starts in half the time. */
const PLAIN_GET =
  /\/(?:dfget\/(?:cli\/(?!batch-connection|complete-|daemon-start|daemon-process|image-|json-|url-)[^/]+|config|node-places|daemon\/(?:socket-path|download-(?:event|frames)|request-limits))|platform\/(?:clock|config(?:-option)?|lifecycle|option-\w+|output|printable-url|quantity|similar-word|user-error)|protocol\/(?:endpoint|error-table|protocol-error|limits))\.ts$/;

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

/**
 * What a download begins with is read from the part that holds it, under the names it has there, and not by way of a file of one line:
 * each file takes half a millisecond.
 */
const partAtOnce: Plugin = {
  name: "part-at-once",
  renderChunk: (code) => ({
    code: code.replaceAll('import("./part-plain-get.js")', 'import("./part-get.js")'),
    map: null,
  }),
};

/** Puts `dfget` together into few files, in place of those that the compiler wrote. */
export default defineConfig({
  input: {
    main: "dfget/main.ts",
    // Started by its name, from beside the code that starts it.
    "download-worker": "dfget/transfer/download-worker.ts",
  },
  platform: "node",
  external: /^(?:node:|[a-z@])/,
  plugins: [nodeModulesAtOnce, partAtOnce],
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
