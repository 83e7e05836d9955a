import { extname } from "node:path";

/**
 * The address of a module beside the asker's, with the asker's own extension: the same code runs from
 * sources (.ts) and as published (.js).
 */
export function siblingModule(askerUrl: string, name: string): URL {
  return new URL(`./${name}${extname(new URL(askerUrl).pathname)}`, askerUrl);
}
