#!/usr/bin/env node
import { runProgram } from "../platform/lifecycle.ts";

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

// Each part loads its own code: a download must not wait for the daemon's to be read.
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
  await runProgram("dfget", async (signal) => {
    const { endOnHangup } = await import("./cli/hangup-signal.ts");
    const { runDownload } = await import("./cli/download.ts");
    endOnHangup();
    await runDownload(argv, process.env, import.meta.filename, signal);
  });
}
