import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from "fastify";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Type } from "typebox";

import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { NeighbourSummary } from "../peer/local-cache.ts";
import { TaskParams } from "./api-schema.ts";
import { CacheListing, CachedTask, NeighbourListing } from "./cache-schema.ts";
import type { CachedTasks } from "./cached-tasks.ts";
import { CATALOG_NAME_LENGTH_MAX } from "./request-limits.ts";

/** The largest file that can be taken in. */
const IMPORT_BYTES_MAX = 2 ** 42;

type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** What the routes of the cache need. */
export interface CacheRouteDeps {
  readonly tasks: CachedTasks;
  readonly quotaBytes: number;
  supernodeUrl(): string | undefined;
  neighbours(): NeighbourSummary[];
  /** Aborts when the daemon is about to end, or the connection is gone. */
  readonly signalOf: (response: ServerResponse) => AbortSignal;
}

const params = TaskParams;
const done = Type.Object({});

/** Adds the routes by which a user looks after the cache of the node. */
export function addCacheRoutes(app: App, deps: CacheRouteDeps): void {
  const { tasks } = deps;
  app.get("/v1/tasks", { schema: { response: { 200: CacheListing } } }, () => ({
    tasks: tasks.list(),
    usedBytes: tasks.usedBytes,
    quotaBytes: deps.quotaBytes,
  }));
  app.get(
    "/v1/tasks/:id",
    { schema: { params, response: { 200: CachedTask } } },
    ({ params: { id } }) => tasks.find(id),
  );
  const remove = async (id: string): Promise<object> => {
    await tasks.remove(id);
    return {};
  };
  const pin = async (id: string): Promise<object> => {
    await tasks.pin(id);
    return {};
  };
  app.delete("/v1/tasks/:id", { schema: { params, response: { 200: done } } }, (request) =>
    remove(request.params.id),
  );
  app.put("/v1/tasks/:id/pin", { schema: { params, response: { 200: done } } }, (request) =>
    pin(request.params.id),
  );
  app.delete("/v1/tasks/:id/pin", { schema: { params, response: { 200: done } } }, (request) => {
    tasks.unpin(request.params.id);
    return {};
  });
  app.get("/v1/peers", { schema: { response: { 200: NeighbourListing } } }, () => {
    const supernode = deps.supernodeUrl();
    return { ...(supernode === undefined ? {} : { supernode }), neighbours: deps.neighbours() };
  });
  app.register(async (scope) => addImportRoute(scope as unknown as App, deps));
}

/** A scope of its own, because here a body is not read before the route is run. */
function addImportRoute(app: App, { tasks, signalOf }: CacheRouteDeps): void {
  const name = Type.Optional(Type.String({ minLength: 1, maxLength: CATALOG_NAME_LENGTH_MAX }));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, payload, next) => next(null, payload));
  app.put(
    "/v1/tasks/:id/content",
    {
      bodyLimit: IMPORT_BYTES_MAX,
      schema: { params, querystring: Type.Object({ name }), response: { 200: CachedTask } },
    },
    async (request, reply) => {
      const lengthBytes = Number(request.headers["content-length"] ?? Number.NaN);
      if (!Number.isSafeInteger(lengthBytes)) {
        throw new ProtocolError("BAD_REQUEST", "the length of the file must be told");
      }
      const content = { lengthBytes, chunks: request.raw as AsyncIterable<Uint8Array> };
      return await tasks.take(request.params.id, request.query.name, content, signalOf(reply.raw));
    },
  );
}
