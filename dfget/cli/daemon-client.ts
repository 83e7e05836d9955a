import { lstatSync } from "node:fs";

import { EXIT, UserError } from "../../platform/user-error.ts";
import { isErrorCode } from "../../protocol/error-table.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { DaemonStatus, DownloadRequest } from "../daemon/api-schema.ts";
import type { DownloadPart } from "../daemon/download-frames.ts";
import { readDownloadFrames } from "../daemon/download-frames.ts";
import type { SocketAnswer, SocketRequest } from "./daemon-connection.ts";
import { askSocket } from "./daemon-connection.ts";
import { exitOfCode } from "./failure-exit.ts";

/** The largest answer that is no download: a list of all tasks. */
const BODY_BYTES_MAX = 64 * 1024 * 1024;

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
    const answer = await this.#send({ method: "GET", path: "/v1/status" }, signal);
    const body = (await readJson(answer)) as Partial<DaemonStatus> | undefined;
    const isStatus =
      typeof body?.state === "string" && typeof body.pid === "number" && "nodeId" in body;
    if (answer.status !== 200 || !isStatus) throw this.#stranger();
    return body as DaemonStatus;
  }

  /**
   * Asks for something that is answered in JSON. Throws as {@link status} does, and UserError with the daemon's
   * sentence when it refuses.
   */
  async ask(request: SocketRequest, signal: AbortSignal): Promise<unknown> {
    const answer = await this.#send(request, signal);
    if (answer.status === 200) return await readJson(answer);
    throw await this.#refusal(answer);
  }

  /**
   * Begins a download; what is returned gives its events and its content, and must be read to its end
   * or left with `return`, which ends the download. Throws as {@link ask} does.
   */
  async download(
    request: DownloadRequest,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<DownloadPart>> {
    const answer = await this.#send(
      { method: "POST", path: "/v1/downloads", body: request },
      signal,
    );
    if (answer.status === 200) return readDownloadFrames(answer.body);
    throw await this.#refusal(answer);
  }

  /** Begins to read a task that the daemon holds or can get, as {@link download} does. */
  async content(taskId: string, signal: AbortSignal): Promise<AsyncGenerator<DownloadPart>> {
    const path = `/v1/tasks/${taskId}/content`;
    const answer = await this.#send({ method: "POST", path, body: {} }, signal);
    if (answer.status === 200) return readDownloadFrames(answer.body);
    throw await this.#refusal(answer);
  }

  async #send(request: SocketRequest, signal: AbortSignal): Promise<SocketAnswer> {
    this.#checkOwner();
    try {
      return await askSocket(this.socketPath, request, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw this.#explain(error as NodeJS.ErrnoException);
    }
  }

  async #refusal(answer: SocketAnswer): Promise<Error> {
    const body = (await readJson(answer)) as { code?: unknown; message?: unknown } | undefined;
    if (typeof body?.code !== "string" || typeof body.message !== "string") return this.#stranger();
    if (body.code === "SHUTTING_DOWN") return new DaemonAbsentError(body.message);
    return failureOf(body.code, body.message);
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
    if (error instanceof ProtocolError) return this.#stranger();
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

async function readJson(answer: SocketAnswer): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let lengthBytes = 0;
  try {
    for await (const chunk of answer.body) {
      lengthBytes += chunk.length;
      if (lengthBytes > BODY_BYTES_MAX) return undefined;
      chunks.push(chunk);
    }
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    return undefined;
  } finally {
    answer.dispose();
  }
}
