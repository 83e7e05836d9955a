import { readFileSync } from "node:fs";

import { systemClock } from "../../../platform/clock.ts";
import type { OriginTls } from "../../../platform/origin/origin-agent.ts";
import { AddressGate } from "../../../platform/origin/address-gate.ts";
import { OriginClient } from "../../../platform/origin/origin-client.ts";
import { OriginStream } from "../../../platform/origin/origin-stream.ts";
import type { OriginMetadata, OriginVersion } from "../../../platform/origin/origin-version.ts";
import { metadataOf, versionName } from "../../../platform/origin/origin-version.ts";
import { EXIT, UserError } from "../../../platform/user-error.ts";
import { ProtocolError } from "../../../protocol/protocol-error.ts";
import type { DownloadEvent, DownloadRequest } from "../../daemon/api-schema.ts";
import type { DownloadPart } from "../../daemon/download-frames.ts";
import { readRangeOf } from "../../daemon/read-range.ts";
import { taskRequestOf } from "../../daemon/task-request.ts";
import { failureOf } from "../daemon-client.ts";
import type { DfgetConfig } from "../download-plan.ts";
import type { DownloadEngine } from "../download-engine.ts";

/** What a target knows of the version that an earlier run has read a part of. */
export interface VersionKeeper {
  readonly expected: OriginVersion | undefined;
  /** The content is of this version now. */
  opened(version: OriginVersion): Promise<void>;
}

const PROGRESS_MS = 250;

/** The connections of this process to origins. */
export function directClient(config: DfgetConfig): OriginClient {
  // The user of this process asks, and nobody else: every address that he names is meant.
  const gate = new AddressGate(["*"]);
  return new OriginClient(
    { gate, clock: systemClock, random: systemRandom },
    { tls: tlsOf(config) },
  );
}

const systemRandom = (): number => crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32;

function tlsOf({ cacert, cert, key, insecure }: DfgetConfig): OriginTls | undefined {
  if (cacert === undefined && cert === undefined && !insecure) return undefined;
  return {
    isInsecure: insecure,
    ...(cacert === undefined ? {} : { ca: readPem(cacert, "--cacert") }),
    ...(cert === undefined ? {} : { cert: readPem(cert, "--cert") }),
    ...(key === undefined ? {} : { key: readPem(key, "--key") }),
  };
}

function readPem(path: string, flag: string): string {
  try {
    const text = readFileSync(path, "latin1");
    if (text.includes("-----BEGIN ")) return text;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unreadable";
    throw new UserError(EXIT.usage, `${flag} ${path} cannot be read (${code})`, error);
  }
  throw new UserError(EXIT.usage, `${flag} ${path} holds no PEM; convert it first`);
}

/** Reads the origin from this process, telling the same events as the daemon does. */
export class DirectEngine implements DownloadEngine {
  readonly #client: Pick<OriginClient, "fetch">;
  readonly #keeper: VersionKeeper;
  #readings = 0;

  constructor(client: Pick<OriginClient, "fetch">, keeper: VersionKeeper) {
    this.#client = client;
    this.#keeper = keeper;
  }

  async begin(
    request: DownloadRequest,
    _reporter: unknown,
    signal: AbortSignal,
  ): Promise<AsyncIterable<DownloadPart>> {
    try {
      const { origin } = taskRequestOf(request);
      const range = await this.#rangeOf(request, origin!, signal);
      const isResumed = range.firstByte > 0 && request.range?.suffixBytes === undefined;
      const stream = await OriginStream.open(
        { fetch: this.#client.fetch, clock: systemClock, random: systemRandom },
        {
          ...origin!,
          startOffset: range.firstByte,
          ...(range.lastByte === undefined ? {} : { endOffset: range.lastByte + 1 }),
          expected: isResumed ? this.#keeper.expected : undefined,
        },
        signal,
      );
      await this.#keeper.opened(stream.metadata);
      return this.#parts(stream, range, signal);
    } catch (error) {
      throw shown(error);
    }
  }

  async #rangeOf(
    request: DownloadRequest,
    origin: { readonly url: string; readonly headers: ReadonlyMap<string, string> },
    signal: AbortSignal,
  ) {
    if (request.range?.suffixBytes === undefined) return readRangeOf(request.range, undefined);
    const answer = await this.#client.fetch({ method: "HEAD", ...origin }, signal);
    answer.dispose();
    return readRangeOf(request.range, metadataOf(answer).lengthBytes);
  }

  async *#parts(
    stream: OriginStream,
    range: { readonly firstByte: number; readonly lastByte?: number },
    signal: AbortSignal,
  ): AsyncGenerator<DownloadPart> {
    yield { kind: "event", event: this.#openedEvent(stream.metadata, range.firstByte) };
    let sentBytes = 0;
    let toldMs = systemClock.nowMs();
    try {
      for await (const bytes of stream.chunks(signal)) {
        sentBytes += bytes.length;
        yield { kind: "content", bytes };
        if (systemClock.nowMs() - toldMs < PROGRESS_MS) continue;
        toldMs = systemClock.nowMs();
        yield { kind: "event", event: progressEvent(stream.metadata, sentBytes, range.firstByte) };
      }
    } catch (error) {
      signal.throwIfAborted();
      throw shown(error);
    }
    const lengthBytes = stream.metadata.lengthBytes ?? range.firstByte + sentBytes;
    const receivedBytes = { seed: 0, peers: 0, origin: sentBytes };
    yield {
      kind: "event",
      event: { event: "completed", lengthBytes, sentBytes, receivedBytes },
    };
  }

  /** Content without a version is another one each time it is asked for. */
  #openedEvent(metadata: OriginMetadata, firstByte: number): DownloadEvent {
    const { lengthBytes, mediaType, lastModified } = metadata;
    this.#readings += 1;
    return {
      event: "opened",
      taskId: `direct:${versionName(metadata) ?? `reading ${this.#readings}`}`,
      firstByte,
      firstSource: "origin",
      ...(lengthBytes === undefined ? {} : { lengthBytes }),
      ...(mediaType === undefined ? {} : { mediaType }),
      ...(lastModified === undefined ? {} : { lastModified }),
    };
  }
}

function progressEvent(
  { lengthBytes }: OriginMetadata,
  sentBytes: number,
  firstByte: number,
): DownloadEvent {
  return {
    event: "progress",
    ...(lengthBytes === undefined ? {} : { lengthBytes }),
    heldBytes: firstByte + sentBytes,
    receivedBytes: { seed: 0, peers: 0, origin: sentBytes },
  };
}

function shown(error: unknown): unknown {
  return error instanceof ProtocolError ? failureOf(error.code, error.message) : error;
}
