import { lstatSync } from "node:fs";

import { EXIT, UserError } from "../../platform/user-error.ts";
import { isErrorCode } from "../../protocol/error-table.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { DaemonStatus, DownloadRequest, WantedContent } from "../daemon/api-schema.ts";
import type { DownloadPart } from "../daemon/download-frames.ts";
import { readDownloadFrames } from "../daemon/download-frames.ts";
import type { BatchConnection } from "./batch-connection.ts";
import type { Silence, SocketAnswer, SocketRequest } from "./daemon-connection.ts";
import { askSocket } from "./daemon-connection.ts";
import { IdleLines } from "./idle-lines.ts";
import { exitOfCode } from "./failure-exit.ts";

/** The largest answer that is no download: a list of all tasks. */
const BODY_BYTES_MAX = 64 * 1024 * 1024;

/** When nothing has come for this long the daemon is asked whether it is alive, which it tells within as long. */
const SILENCE_MS = 8000;

/** Nobody answers at the socket, or whoever does is about to leave. */
export class DaemonAbsentError extends Error {
  override readonly name = "DaemonAbsentError";
}

/** Talks to the daemon behind a unix socket. */
export class DaemonClient {
  readonly socketPath: string;
  /** Connections of downloads that are over. */
  readonly #idle = new IdleLines();

  readonly #silenceMs: number;
  #batch: BatchConnection | undefined;

  /** `silenceMs` is how long it may take to tell that the daemon is alive. */
  constructor(socketPath: string, silenceMs = SILENCE_MS) {
    this.socketPath = socketPath;
    this.#silenceMs = silenceMs;
  }

  /**
   * Connects for the next download, where a daemon listens. What is asked before the event loop has gone round waits until it has,
   * and in that round V8 takes its time to collect what the start has left.
   */
  async prepare(signal: AbortSignal): Promise<void> {
    await this.#idle.prepare(this.socketPath, signal);
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
      { method: "POST", path: "/v1/downloads", body: this.#asOwner(request) },
      signal,
      this.#idle,
    );
    if (answer.status === 200) return readDownloadFrames(answer.body);
    throw await this.#refusal(answer);
  }

  /**
   * Asks for a small file over the connection that all such requests share. Resolves to all parts of its download, or to undefined where
   * it has to be asked for by {@link download}. Throws UserError, and the signal's reason.
   */
  async downloadSmall(
    request: DownloadRequest,
    signal: AbortSignal,
  ): Promise<readonly DownloadPart[] | undefined> {
    if (!this.#batch) {
      const { BatchConnection } = await import("./batch-connection.ts");
      this.#batch ??= new BatchConnection(this.socketPath, () => this.#checkOwner());
    }
    return await this.#batch.ask(request, signal);
  }

  /** Begins to read a task that the daemon holds or can get, as {@link download} does. */
  async content(
    taskId: string,
    wanted: WantedContent,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<DownloadPart>> {
    const path = `/v1/tasks/${taskId}/content`;
    const answer = await this.#send({ method: "POST", path, body: this.#asOwner(wanted) }, signal);
    if (answer.status === 200) return readDownloadFrames(answer.body);
    throw await this.#refusal(answer);
  }

  /** A file that another user's daemon makes could not be given this user's rights. */
  #asOwner<T extends WantedContent>(wanted: T): T {
    const info = lstatSync(this.socketPath, { throwIfNoEntry: false });
    if (info?.uid === process.getuid?.()) return wanted;
    const { clonePath: _clonePath, ...others } = wanted;
    return others as T;
  }

  async #send(
    request: SocketRequest,
    signal: AbortSignal,
    idle?: IdleLines,
  ): Promise<SocketAnswer> {
    this.#checkOwner();
    const silence: Silence = {
      afterMs: this.#silenceMs,
      onSilence: (breakOff) => this.#silent(request, breakOff, signal),
    };
    try {
      return await askSocket(this.socketPath, request, signal, silence, idle);
    } catch (error) {
      signal.throwIfAborted();
      throw this.#explain(error as NodeJS.ErrnoException);
    }
  }

  /** What only looks is answered at once. The rest may take its time, but a daemon that lives says so. */
  #silent(request: SocketRequest, breakOff: (reason: Error) => void, signal: AbortSignal): void {
    if (request.method === "GET") breakOff(this.#hangs());
    else this.status(signal).catch(breakOff);
  }

  #hangs(): UserError {
    return new UserError(
      EXIT.daemonUnavailable,
      `the daemon at ${this.socketPath} has not answered for ${Math.ceil(this.#silenceMs / 1000)} s and seems to hang; end it, or choose another one with --socket`,
    );
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

  #explain(error: NodeJS.ErrnoException | UserError): Error {
    if (error instanceof UserError || error instanceof DaemonAbsentError) return error;
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
  } catch (error) {
    if (error instanceof UserError) throw error;
    return undefined;
  } finally {
    answer.dispose();
  }
}
