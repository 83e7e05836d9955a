import { createHash } from "node:crypto";

import { sourceConformance } from "../../test/conformance/source.ts";
import { hfSource } from "./hf-source.ts";

const TOKEN = "hf_good";
const files = new Map([
  ["config.json", "{}"],
  ["tokenizer/vocab.txt", "words"],
  ["model-00001-of-00002.safetensors", "weights 1"],
  ["model-00002-of-00002.safetensors", "weights 2"],
  ["weights & more/ä.bin", "more"],
]);

/** As the API lists a repository: directories too, and the digest of what is kept as a large file. */
const tree = [
  { type: "directory", oid: "0", size: 0, path: "tokenizer" },
  { type: "file", oid: "1", size: 1, path: "../outside" },
  ...[...files].map(([path, content]) => ({
    type: "file",
    oid: createHash("sha1").update(content).digest("hex"),
    size: content.length,
    path,
    ...(path.endsWith(".safetensors")
      ? {
          lfs: {
            oid: createHash("sha256").update(content).digest("hex"),
            size: content.length,
            pointerSize: 134,
          },
        }
      : {}),
  })),
];

for (const kind of ["models", "datasets"]) {
  const prefix = kind === "models" ? "" : `${kind}/`;
  sourceConformance(`a repository of Hugging Face (${kind})`, hfSource, {
    files,
    urlOf: () => `hf://${prefix}org/name@v1.0`,
    absentUrlOf: () => `hf://${prefix}org/absent`,
    options: (hfEndpoint) => ({ hfEndpoint }),
    env: { HF_TOKEN: TOKEN },
    wrongEnv: { HF_TOKEN: "hf_wrong" },
    serve(request, response) {
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://hf");
      const path = decodeURIComponent(pathname);
      if (request.headers.authorization !== `Bearer ${TOKEN}`)
        return void response.writeHead(401).end();
      const api = `/api/${kind}/org/name/tree/v1.0`;
      if (path === api) {
        const half = Math.ceil(tree.length / 2);
        const isSecond = searchParams.has("cursor");
        const next = `<http://${request.headers.host}${api}?recursive=true&cursor=2>; rel="next"`;
        if (!isSecond) response.setHeader("link", next);
        return void response.end(JSON.stringify(isSecond ? tree.slice(half) : tree.slice(0, half)));
      }
      const content = files.get(path.slice(`/${prefix}org/name/resolve/v1.0/`.length));
      return void (content === undefined ? response.writeHead(404).end() : response.end(content));
    },
  });
}
