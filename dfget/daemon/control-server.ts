import type { ServerResponse } from "node:http";
import { join } from "node:path";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyReply } from "fastify";
import { fastify } from "fastify";

import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { printableUrl } from "../../platform/log.ts";
import { VERSION } from "../../platform/version.ts";
import { formatEndpoint } from "../../protocol/endpoint.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { ErrorBody } from "../../protocol/rest.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import type { LocalCache, NeighbourSummary } from "../peer/local-cache.ts";
import type { OpenTask, TaskRequest } from "../peer/open-task.ts";
import type { PeerStatus } from "../peer/peer-options.ts";
import type { RateLimits } from "../peer/rate-limits.ts";
import type { TakeWhole, WholeFile, WholeFiles } from "../peer/whole-files.ts";
import { Activity } from "./activity.ts";
import {
  DaemonLimits,
  DaemonLimitsChange,
  DaemonStatus,
  DownloadRequest,
  TaskParams,
  WantedContent,
} from "./api-schema.ts";
import { readBatchRequest, wholeAnswer } from "./batch-answer.ts";
import { BatchServer } from "./batch-server.ts";
import { addCacheRoutes } from "./cache-routes.ts";
import { CachedTasks } from "./cached-tasks.ts";
import { Catalog, askedKey } from "./catalog.ts";
import { noteOwner } from "./data-owner.ts";
import { bindControlSocket } from "./control-socket.ts";
import { eventFrame } from "./download-frames.ts";
import { failureEvent, readerGone, sendAtOnce, streamDownload } from "./download-stream.ts";
import { taskRequestOf } from "./task-request.ts";

/** The most downloads that run at once for the programs of one machine. */
export const DOWNLOADS_MAX = 256;
/** Headers and filters in JSON, and room for escapes. */
const BODY_BYTES_MAX = 256 * 1024;
/** How long a client that does not read its last event may keep the server from closing. */
const CLOSE_MS_MAX = 2000;

/** What the control server needs of a peer. */
export interface DownloadPeer {
  open(request: TaskRequest, signal: AbortSignal, take?: TakeWhole): Promise<OpenTask>;
  status(): Pick<PeerStatus, "nodeId" | "endpoint" | "supernodeUrl">;
  readonly limits: Pick<RateLimits, "values" | "set">;
  /** Absent where small files are opened like all others. */
  readonly wholeFiles?: Pick<WholeFiles, "fetch">;
  /** Absent where there is no cache to look after. */
  readonly cache?: LocalCache;
  neighbours?(): NeighbourSummary[];
}

export interface ControlServerOptions {
  /** Where the unix socket goes, at most 107 bytes. */
  readonly socketPath: string;
  /** What the peer was started with, shown to clients. */
  readonly supernodeUrls: readonly string[];
  /** Where the names and pins of tasks are kept; they are not where it is absent. */
  readonly dataDir?: string;
  readonly diskQuotaBytes?: number;
}

/**
 * The API by which programs of this user download through the peer of this process. Whoever may open
 * the socket may use it, so it belongs to its owner alone.
 */
export class ControlServer implements AsyncDisposable {
  readonly #peer: DownloadPeer;
  readonly #options: ControlServerOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #app: FastifyInstance;
  readonly #closing = new AbortController();
  readonly #batches: BatchServer;
  readonly #cached: { readonly catalog: Catalog; readonly tasks: CachedTasks } | undefined;
  /** Files that were given out and are still being stored. */
  readonly #keeping = new Set<Promise<void>>();
  readonly activity: Activity;

  private constructor(
    peer: DownloadPeer,
    options: ControlServerOptions,
    deps: { clock: Clock; log: Log },
    cached: { readonly catalog: Catalog; readonly tasks: CachedTasks } | undefined,
  ) {
    this.#peer = peer;
    this.#cached = cached;
    this.#options = options;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.activity = new Activity(deps.clock);
    this.#app = this.#routes();
    this.#batches = new BatchServer({
      log: deps.log,
      closing: this.#closing.signal,
      answer: async (payload, signal) => await this.#answerWhole(payload, signal),
    });
    this.#app.server.on("upgrade", (request, socket, head) =>
      this.#batches.upgrade(request, socket, head),
    );
  }

  /** Listens. Throws UserError when another daemon answers there or the place cannot be used. */
  static async start(
    peer: DownloadPeer,
    options: ControlServerOptions,
    deps: { readonly clock: Clock; readonly log: Log },
    signal: AbortSignal,
  ): Promise<ControlServer> {
    const server = new ControlServer(
      peer,
      options,
      deps,
      await cachedTasks(peer, options, deps.log),
    );
    await server.#app.ready();
    try {
      await bindControlSocket(server.#app.server, options.socketPath, deps, signal);
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    if (options.dataDir !== undefined) await noteOwner(options.dataDir, options.socketPath);
    return server;
  }

  /** Refuses new downloads from now on and ends those that run; the socket stays. */
  drain(): void {
    this.#closing.abort(new ProtocolError("SHUTTING_DOWN", "the daemon is shutting down"));
  }

  /** Drains and removes the socket. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.drain();
    this.#batches.close();
    const timer = setTimeout(() => this.#app.server.closeAllConnections(), CLOSE_MS_MAX);
    await this.#app.close();
    clearTimeout(timer);
    await this.#cached?.tasks[Symbol.asyncDispose]();
  }

  #routes(): FastifyInstance {
    const app = fastify({
      logger: false,
      bodyLimit: BODY_BYTES_MAX,
      forceCloseConnections: "idle",
      return503OnClosing: false,
    }).withTypeProvider<TypeBoxTypeProvider>();
    app.setErrorHandler((error, _request, reply) => this.#sendError(error, reply));
    app.setNotFoundHandler((_request, reply) =>
      this.#sendError(new ProtocolError("NOT_FOUND", "the daemon has no such route"), reply),
    );
    app.get("/v1/status", { schema: { response: { 200: DaemonStatus } } }, () => this.#status());
    const { limits } = this.#peer;
    app.get("/v1/limits", { schema: { response: { 200: DaemonLimits } } }, () => limits.values);
    app.put(
      "/v1/limits",
      { schema: { body: DaemonLimitsChange, response: { 200: DaemonLimits } } },
      (request) => {
        limits.set(request.body);
        this.#log.info({ limits: limits.values }, "limits changed");
        return limits.values;
      },
    );
    app.post(
      "/v1/downloads",
      { schema: { body: DownloadRequest, response: { "4xx": ErrorBody, "5xx": ErrorBody } } },
      async (request, reply) => {
        await this.#download(request.body, reply);
        return reply;
      },
    );
    if (this.#cached) this.#cacheRoutes(app, this.#cached.tasks);
    return app;
  }

  #cacheRoutes(app: Parameters<typeof addCacheRoutes>[0], tasks: CachedTasks): void {
    // Who asks for what was just downloaded finds it.
    app.addHook("onRequest", async ({ url }) => {
      if (url.startsWith("/v1/tasks")) await Promise.all(this.#keeping);
    });
    addCacheRoutes(app, {
      tasks,
      quotaBytes: this.#options.diskQuotaBytes ?? 0,
      supernodeUrl: () => this.#peer.status().supernodeUrl,
      neighbours: () => this.#peer.neighbours?.() ?? [],
      signalOf: (response) => AbortSignal.any([this.#closing.signal, clientGone(response)]),
    });
    app.post(
      "/v1/tasks/:id/content",
      { schema: { params: TaskParams, body: WantedContent } },
      async (request, reply) => {
        const taskId = tasks.idOf(request.params.id);
        await this.#stream({ taskId, origin: undefined }, request.body, reply, () => ({}));
        return reply;
      },
    );
  }

  async #download(body: DownloadRequest, reply: FastifyReply): Promise<void> {
    const request = taskRequestOf(body);
    await this.#stream(request, body, reply, (taskId) => this.#noted(taskId, body, request));
  }

  /** Answers a request of a batch; undefined where it has to be made alone. */
  async #answerWhole(
    payload: Uint8Array,
    signal: AbortSignal,
  ): Promise<readonly Uint8Array[] | undefined> {
    const { wholeFiles } = this.#peer;
    if (!wholeFiles || signal.aborted || this.activity.running >= DOWNLOADS_MAX) return undefined;
    using _running = this.activity.begin();
    try {
      const body = await readBatchRequest(payload);
      if (body.range || body.linkPath !== undefined) return undefined;
      const request = taskRequestOf(body);
      const file = await wholeFiles.fetch(request, signal);
      return file && wholeAnswer(file, this.#noted(file.taskId, body, request));
    } catch (error) {
      if (signal.aborted) return undefined;
      return [eventFrame(failureEvent(error, this.#log))];
    }
  }

  /** Remembers what a task is of. Tells the client when an unfinished one was of an older version of it. */
  #noted(
    taskId: TaskId,
    body: DownloadRequest,
    { origin, identity }: TaskRequest,
  ): { replacesTaskId?: string } {
    const { catalog, tasks } = this.#cached ?? {};
    if (!catalog || !tasks || !origin) return {};
    const asked = askedKey([origin.url, [...origin.headers], identity, body.digest]);
    const before = catalog.lastFor(asked);
    const isPrivate = origin.headers.size > 0;
    catalog.note(taskId, { source: printableUrl(origin.url), isPrivate, asked });
    const isOld = before !== undefined && before !== taskId && tasks.isUnfinished(before);
    return isOld ? { replacesTaskId: before } : {};
  }

  async #stream(
    request: TaskRequest,
    wanted: WantedContent,
    reply: FastifyReply,
    noteOf: (taskId: TaskId) => { replacesTaskId?: string },
  ): Promise<void> {
    this.#closing.signal.throwIfAborted();
    if (this.activity.running >= DOWNLOADS_MAX) {
      throw new ProtocolError("LIMIT_EXCEEDED", `${DOWNLOADS_MAX} downloads are running already`);
    }
    using _running = this.activity.begin();
    const signal = AbortSignal.any([this.#closing.signal, clientGone(reply.raw)]);
    const isPlain = !wanted.range && wanted.linkPath === undefined;
    const kept = Promise.withResolvers<void>();
    let isAnswered = false;
    const take = (file: WholeFile): void => {
      const frames = wholeAnswer(file, noteOf(file.taskId));
      isAnswered = true;
      this.#keeping.add(kept.promise);
      reply.hijack();
      sendAtOnce(reply.raw, frames);
    };
    try {
      await using task = await this.#peer.open(request, signal, isPlain ? take : undefined);
      if (isAnswered) return;
      const note = noteOf(task.taskId);
      reply.hijack();
      await streamDownload(
        reply.raw,
        task,
        { ...wanted, ...note },
        { clock: this.#clock, log: this.#log },
        signal,
      );
    } catch (error) {
      if (!isAnswered) throw error;
      this.#log.warn({ err: error }, "a small file was given out and cannot be kept");
    } finally {
      this.#keeping.delete(kept.promise);
      kept.resolve();
    }
  }

  #status(): DaemonStatus {
    const { nodeId, endpoint, supernodeUrl } = this.#peer.status();
    return {
      version: VERSION,
      pid: process.pid,
      state: this.#closing.signal.aborted ? "draining" : "ready",
      nodeId,
      endpoint: formatEndpoint(endpoint),
      supernodes: [...this.#options.supernodeUrls],
      ...(supernodeUrl === undefined ? {} : { connectedSupernode: supernodeUrl }),
      downloads: this.activity.running,
      ...(this.#options.dataDir === undefined ? {} : { dataDir: this.#options.dataDir }),
    };
  }

  #sendError(error: unknown, reply: FastifyReply): FastifyReply {
    const known = asProtocolError(error);
    if (!known) this.#log.error({ err: error }, "a request failed by a defect");
    const { code, message, status } =
      known ?? new ProtocolError("INTERNAL", "the daemon failed by a defect; its log says more");
    return reply.code(status).send({ code, message });
  }
}

async function cachedTasks(
  { cache }: DownloadPeer,
  { dataDir }: ControlServerOptions,
  log: Log,
): Promise<{ readonly catalog: Catalog; readonly tasks: CachedTasks } | undefined> {
  if (!cache || dataDir === undefined) return undefined;
  const catalog = await Catalog.open(join(dataDir, "catalog.json"), log);
  return { catalog, tasks: await CachedTasks.open(cache, catalog, log) };
}

/** Aborts when the connection of an answer is gone before the answer is. */
function clientGone(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) controller.abort(readerGone());
  });
  return controller.signal;
}

function asProtocolError(error: unknown): ProtocolError | undefined {
  if (error instanceof ProtocolError) return error;
  const status = (error as { statusCode?: unknown }).statusCode;
  if (error instanceof Error && typeof status === "number" && status >= 400 && status < 500) {
    return new ProtocolError("BAD_REQUEST", error.message);
  }
  return undefined;
}
