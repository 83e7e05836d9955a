import type { Socket } from "node:net";
import swagger from "@fastify/swagger";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import { LogController, fastify } from "fastify";
import type { Registry } from "prom-client";
import { Type } from "typebox";

import type { Log } from "../platform/log.ts";
import { VERSION } from "../platform/version.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import type { ListPage, PeerSummary, TaskSummary } from "../protocol/rest.ts";
import {
  ErrorBody,
  ListPage as ListPageSchema,
  PeerList,
  TaskList,
  TaskSummary as TaskSchema,
  VersionBody,
} from "../protocol/rest.ts";
import { parseTaskId } from "../protocol/task-id.ts";
import { PROTOCOL_VERSION } from "../protocol/version.ts";
import type { PieceRoute } from "./piece-route.ts";
import { limitPlainConnections } from "./plain-connections.ts";
import { sendRawError } from "./raw-error.ts";

/** Requests whose head is longer are refused with 431. */
const HEADERS_LENGTH_BYTES_MAX = 32 * 1024;

/** What the routes show. */
export interface ServerSources {
  readonly supernodeId: string;
  readonly registry: Registry;
  readonly pieces: PieceRoute;
  tasks(): readonly TaskSummary[];
  task(taskId: string): TaskSummary | undefined;
  peers(): readonly PeerSummary[];
  /** Undefined when requests are welcome, else why they are not, as the end of "the supernode is not ready: …". */
  notReady(): string | undefined;
}

const Health = Type.Object({ status: Type.Literal("ok") });
const failure = { "4xx": ErrorBody, "5xx": ErrorBody };

/** Makes the HTTP server: health, metrics, REST and pieces. The caller listens. */
export async function createServer(sources: ServerSources, log: Log): Promise<FastifyInstance> {
  const logger: FastifyBaseLogger = log.child({ component: "http" }, { level: quieter(log.level) });
  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: true,
    // A task id of sha512 has 135 characters.
    routerOptions: { maxParamLength: 200 },
    http: { maxHeaderSize: HEADERS_LENGTH_BYTES_MAX },
    clientErrorHandler: answerClientError,
    // What the router cannot read never reaches a route or its error handler.
    frameworkErrors: (_error, _request, reply) => {
      const message = "the path is malformed; see /openapi.json for what there is";
      sendRawError(reply.raw, "BAD_REQUEST", message);
    },
  });
  limitPlainConnections(app.server);
  await app.register(swagger, {
    openapi: {
      info: {
        title: "Darter supernode",
        version: VERSION,
        description: "Tasks, peers and health.",
      },
    },
  });
  answerErrors(app);
  addHealth(app, sources);
  addApi(app, sources);
  app.get("/pieces/:task/:index", { schema: { hide: true } }, (request, reply) => {
    reply.hijack();
    void sources.pieces.serve(request.raw, reply.raw);
  });
  app.get("/openapi.json", { schema: { hide: true } }, () => app.swagger());
  return app;
}

function addHealth(app: FastifyInstance, sources: ServerSources): void {
  const { registry, supernodeId } = sources;
  app.get(
    "/healthz",
    { schema: { summary: "Whether the process is alive", response: { 200: Health } } },
    () => ({ status: "ok" as const }),
  );
  app.get(
    "/readyz",
    { schema: { summary: "Whether requests are welcome", response: { 200: Health, ...failure } } },
    () => {
      const reason = sources.notReady();
      if (reason === undefined) return { status: "ok" as const };
      throw new ProtocolError("SHUTTING_DOWN", `the supernode is not ready: ${reason}`);
    },
  );
  app.get(
    "/version",
    { schema: { summary: "Release and protocol", response: { 200: VersionBody } } },
    () => ({ version: VERSION, protocol: PROTOCOL_VERSION, supernodeId }),
  );
  app.get("/metrics", { schema: { hide: true } }, async (_request, reply) => {
    const text = await registry.metrics();
    return await reply.type(registry.contentType).send(text);
  });
}

function addApi(app: FastifyInstance, sources: ServerSources): void {
  const listing = { querystring: ListPageSchema };
  app.get<{ Querystring: ListPage }>(
    "/api/v1/tasks",
    {
      schema: {
        ...listing,
        summary: "The tasks, live ones first",
        response: { 200: TaskList, ...failure },
      },
    },
    ({ query }) => {
      const tasks = sources.tasks();
      return { total: tasks.length, tasks: rowsOf(tasks, query) };
    },
  );
  app.get<{ Params: { id: string } }>(
    "/api/v1/tasks/:id",
    {
      schema: {
        summary: "One task",
        params: Type.Object({ id: Type.String() }),
        response: { 200: TaskSchema, ...failure },
      },
    },
    (request) => {
      const { id } = request.params;
      if (!parseTaskId(id)) {
        throw new ProtocolError(
          "BAD_REQUEST",
          "the task id is malformed; it is sha256:HEX, sha512:HEX or url:HEX",
        );
      }
      const task = sources.task(id);
      if (!task) throw new ProtocolError("NOT_FOUND", `the supernode knows no task ${id}`);
      return task;
    },
  );
  app.get<{ Querystring: ListPage }>(
    "/api/v1/peers",
    {
      schema: {
        ...listing,
        summary: "Nodes that are connected",
        response: { 200: PeerList, ...failure },
      },
    },
    ({ query }) => {
      const peers = sources.peers();
      return { total: peers.length, peers: rowsOf(peers, query) };
    },
  );
}

function rowsOf<Row>(rows: readonly Row[], { offset, limit }: ListPage): Row[] {
  return rows.slice(offset, offset + limit);
}

/** Every failure has the same form. */
function answerErrors(app: FastifyInstance): void {
  app.setNotFoundHandler(async (request, reply) => {
    const path = request.url.split("?", 1)[0]!.slice(0, 200);
    const message = `there is no ${request.method} ${path}; see /openapi.json for what there is`;
    return await reply.code(404).send({ code: "NOT_FOUND", message });
  });
  app.setErrorHandler(async (error, request, reply) => {
    if (error instanceof ProtocolError) {
      return await reply.code(error.status).send({ code: error.code, message: error.message });
    }
    const status = statusOf(error);
    if (status < 500) {
      const message = error instanceof Error ? error.message : "the request is malformed";
      return await reply.code(status).send({ code: "BAD_REQUEST", message });
    }
    request.log.error({ err: error }, "a request failed by a defect");
    const message = "the supernode failed; its log says more";
    return await reply.code(500).send({ code: "INTERNAL", message });
  });
}

/** What is no HTTP request gets an answer of the same form, since there is no reply object to send it by. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed) return;
  const isTooLong = error.code === "HPE_HEADER_OVERFLOW";
  const message = isTooLong
    ? `the head of the request is longer than ${HEADERS_LENGTH_BYTES_MAX} bytes`
    : "this is no HTTP request";
  const body = JSON.stringify({ code: "BAD_REQUEST", message });
  const status = isTooLong ? "431 Request Header Fields Too Large" : "400 Bad Request";
  const head = `HTTP/1.1 ${status}\r\ncontent-type: application/json; charset=utf-8\r\n`;
  const length = Buffer.byteLength(body);
  socket.end(`${head}content-length: ${length}\r\nconnection: close\r\n\r\n${body}`);
}

function statusOf(error: unknown): number {
  const status = (error as { statusCode?: unknown } | undefined)?.statusCode;
  return typeof status === "number" && status >= 400 && status < 600 ? status : 500;
}

/** Fastify tells at info what is told elsewhere. */
function quieter(level: string): string {
  return level === "info" ? "warn" : level;
}
