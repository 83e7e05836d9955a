import { readFile, writeFile } from "node:fs/promises";
import { findTool } from "./machine-tools.ts";
import { runCommand } from "./run-command.ts";
import { TemporaryDirectory } from "./temporary-directory.ts";

/** A program in one file, without libraries. */
export interface StaticProgram {
  /** Name of the file, at the root of the image. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The command that makes it print its line. */
  readonly entrypoint: readonly string[];
}

/** A program for this machine that prints `line` and ends: compiled where there is gcc, else busybox. */
export async function buildStaticProgram(line: string): Promise<StaticProgram> {
  const compiled = await compile(line);
  if (compiled !== undefined) return { name: "hello", bytes: compiled, entrypoint: ["/hello"] };
  const busybox = await findTool("busybox");
  if (busybox === undefined) {
    throw new Error(
      "neither a gcc that links statically nor busybox is here for the image's program",
    );
  }
  return {
    name: "busybox",
    bytes: await readFile(busybox),
    entrypoint: ["/busybox", "echo", line],
  };
}

async function compile(line: string): Promise<Uint8Array | undefined> {
  const gcc = await findTool("gcc");
  if (gcc === undefined) return undefined;
  await using directory = await TemporaryDirectory.create("program");
  const source = directory.join("hello.c");
  const program = directory.join("hello");
  const text = `#include <stdio.h>\nint main(void) { puts(${JSON.stringify(line)}); return 0; }\n`;
  await writeFile(source, text);
  const args = ["-static", "-Os", "-s", "-o", program, source];
  const { code } = await runCommand({ command: gcc, args });
  return code === 0 ? await readFile(program) : undefined;
}
