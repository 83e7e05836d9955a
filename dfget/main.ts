#!/usr/bin/env node
import { keepCompiledCode } from "../platform/code-cache.ts";
import { loadPart } from "../platform/kept-part.ts";

const codeDirectory = keepCompiledCode(process.env, process.getuid?.());

const argv = process.argv.slice(2);
const [command = ""] = argv;

/** Commands about the cache of the node; everything else that is no `daemon` is a download. */
const CACHE_COMMANDS = [
  "ls",
  "stat",
  "rm",
  "pin",
  "unpin",
  "import",
  "export",
  "peers",
  "limits",
  "doctor",
];

// Each part loads its own code: a download must not wait for the daemon's to be read. What it needs itself is there for all.
const part = await loadPart(() => import("./cli/plain-get.ts"), codeDirectory);
const { endOnHangup, runDownload, runProgram } = part.exports;
if (command === "daemon") {
  await runProgram("dfget daemon", async (signal) => {
    const { runDaemon } = await import("./daemon/daemon.ts");
    await runDaemon(argv.slice(1), process.env, signal);
  });
} else if (CACHE_COMMANDS.includes(command)) {
  await runProgram(`dfget ${command}`, async (signal) => {
    const { runCache } = await import("./cli/cache/run-cache.ts");
    await runCache(command as "ls", argv.slice(1), process.env, import.meta.filename, signal);
  });
} else {
  let wasUsual = false;
  const run = async (signal: AbortSignal): Promise<void> => {
    endOnHangup();
    wasUsual = await runDownload(argv, process.env, import.meta.filename, signal);
  };
  await runProgram("dfget", run, { writesLater: true });
  if (wasUsual) part.keep();
}
