import { lstatSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { request as httpRequest } from "node:http";
import { Value } from "typebox/value";

import { EXIT, UserError } from "../../platform/user-error.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { isErrorCode } from "../../protocol/error-table.ts";
import { DaemonStatus } from "../daemon/api-schema.ts";
import type { DownloadRequest } from "../daemon/api-schema.ts";
import type { DownloadPart } from "../daemon/download-frames.ts";
import { readDownloadFrames } from "../daemon/download-frames.ts";
import { exitOfCode } from "./failure-exit.ts";

/** The largest answer that is no download. */
const BODY_BYTES_MAX = 1024 * 1024;

/** Nobody answers at the socket, or whoever does is about to leave. */
export class DaemonAbsentError extends Error {
  override readonly name = "DaemonAbsentError";
}

/** Talks to the daemon behind a unix socket. */
export class DaemonClient {
  readonly socketPath: string;

  constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  /** What the daemon says about itself. Throws DaemonAbsentError, UserError, the signal's reason. */
  async status(signal: AbortSignal): Promise<DaemonStatus> {
    const response = await this.#send("GET", "/v1/status", undefined, signal);
    const body = await readJson(response);
    if (response.statusCode !== 200 || !Value.Check(DaemonStatus, body)) throw this.#stranger();
    return body;
  }

  /**
   * Begins a download; what is returned gives its events and its content, and must be read to its end
   * or left with `return`, which ends the download. Throws as {@link status} does, and UserError when
   * the daemon refuses.
   */
  async download(
    request: DownloadRequest,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<DownloadPart>> {
    const response = await this.#send("POST", "/v1/downloads", request, signal);
    if (response.statusCode === 200) return readDownloadFrames(response);
    const body = (await readJson(response)) as { code?: unknown; message?: unknown } | undefined;
    if (typeof body?.code !== "string" || typeof body.message !== "string") throw this.#stranger();
    if (body.code === "SHUTTING_DOWN") throw new DaemonAbsentError(body.message);
    throw failureOf(body.code, body.message);
  }

  async #send(
    method: string,
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    signal.throwIfAborted();
    this.#checkOwner();
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const request = httpRequest({
      socketPath: this.socketPath,
      method,
      path,
      agent: false,
      signal,
      headers: {
        host: "dfget",
        ...(payload === undefined
          ? {}
          : {
              "content-type": "application/json",
              "content-length": String(Buffer.byteLength(payload)),
            }),
      },
    });
    request.once("response", resolve);
    // More than once: a connection can break after the answer has begun.
    request.on("error", (error) => reject(signal.aborted ? signal.reason : this.#explain(error)));
    request.end(payload);
    return await promise;
  }

  /** Headers may be secrets: they go to no socket that somebody else put there. */
  #checkOwner(): void {
    const info = lstatSync(this.socketPath, { throwIfNoEntry: false });
    const uid = process.getuid?.();
    if (!info || uid === undefined || uid === 0 || info.uid === uid || info.uid === 0) return;
    throw new UserError(
      EXIT.daemonUnavailable,
      `the socket ${this.socketPath} belongs to another user; choose another one with --socket`,
    );
  }

  #explain(error: NodeJS.ErrnoException): Error {
    switch (error.code) {
      case "ENOENT":
      case "ECONNREFUSED":
      case "ECONNRESET":
      case "EPIPE":
        return new DaemonAbsentError(`no daemon answers at ${this.socketPath}`, { cause: error });
      case "EACCES":
      case "EPERM":
        return new UserError(
          EXIT.daemonUnavailable,
          `the daemon at ${this.socketPath} may not be used by this user; choose another one with --socket`,
        );
      default:
        return new UserError(
          EXIT.daemonUnavailable,
          `the daemon at ${this.socketPath} cannot be reached (${error.code ?? error.message})`,
          error,
        );
    }
  }

  #stranger(): UserError {
    return new UserError(
      EXIT.daemonUnavailable,
      `what answers at ${this.socketPath} is no dfget daemon of this release; stop it or choose another place with --socket`,
    );
  }
}

/** A failure that the daemon reported, for the user. */
export function failureOf(code: string, message: string): UserError {
  const cause = isErrorCode(code) ? new ProtocolError(code, message) : undefined;
  return new UserError(exitOfCode(code), message, cause);
}

async function readJson(response: IncomingMessage): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let lengthBytes = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    lengthBytes += chunk.length;
    if (lengthBytes > BODY_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    return undefined;
  }
}
