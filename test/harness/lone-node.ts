import { startProgram } from "./darter-programs.ts";
import type { ChildProcess } from "./child-process.ts";
import { freePort } from "./free-port.ts";

export interface LoneNodeOptions {
  readonly supernodeUrl: string;
  readonly upstreamUrl: string;
  /** Kept when the node ends, for another one. */
  readonly dataDirectory: string;
  readonly socketPath: string;
  readonly args?: readonly string[];
}

/** A registry proxy that a test starts, kills and starts again. */
export interface LoneNode extends AsyncDisposable {
  readonly process: ChildProcess;
  readonly mirrorUrl: string;
  readonly peerUrl: string;
}

/** Starts a registry proxy on loopback. */
export async function startLoneNode(options: LoneNodeOptions): Promise<LoneNode> {
  const [mirror, peer] = [await freePort(), await freePort()];
  const process = await startProgram("registry-proxy", {
    args: [
      "--listen",
      `127.0.0.1:${mirror}`,
      "--peer-listen",
      `127.0.0.1:${peer}`,
      "--data-dir",
      options.dataDirectory,
      "--socket",
      options.socketPath,
      "--supernode",
      options.supernodeUrl,
      "--upstream",
      options.upstreamUrl,
      "--allow-origin",
      "127.0.0.1",
      ...(options.args ?? []),
    ],
  });
  return {
    process,
    mirrorUrl: `http://127.0.0.1:${mirror}`,
    peerUrl: `http://127.0.0.1:${peer}`,
    [Symbol.asyncDispose]: async () => void (await process.stop()),
  };
}
