#!/usr/bin/env node
import { runProgram } from "../platform/lifecycle.ts";

const argv = process.argv.slice(2);

// Each half loads its own code: a download must not wait for the daemon's to be read.
if (argv[0] === "daemon") {
  await runProgram("dfget daemon", async (signal) => {
    const { runDaemon } = await import("./daemon/daemon.ts");
    await runDaemon(argv.slice(1), process.env, signal);
  });
} else {
  await runProgram("dfget", async (signal) => {
    const { endOnHangup } = await import("./cli/hangup-signal.ts");
    const { runDownload } = await import("./cli/download.ts");
    endOnHangup();
    await runDownload(argv, process.env, import.meta.filename, signal);
  });
}
