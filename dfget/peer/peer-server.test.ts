import { expect, it } from "vitest";
import { Registry } from "prom-client";
import { systemClock } from "../../platform/clock.ts";
import { parseTaskId } from "../../protocol/task-id.ts";
import { formatPiecePath } from "../../store/piece-path.ts";
import { failure, fetcher, never, request, stack } from "../transfer/piece-fetch-fixture.ts";
import type { UploadAnswer } from "./peer-server.ts";
import { PeerServer } from "./peer-server.ts";

const taskId = parseTaskId(`sha256:${"a".repeat(64)}`)!;

it.each([
  { answer: "NO_SLOT", reason: "no-slot" },
  { answer: "NOT_FOUND", reason: "not-found" },
] satisfies readonly { readonly answer: UploadAnswer; readonly reason: string }[])(
  "refuses a piece by $answer so that another node understands it",
  async ({ answer, reason }) => {
    const server = new PeerServer({
      metrics: new Registry(),
      clock: systemClock,
      upload: async () => await Promise.resolve(answer),
      neighbour: (socket) => socket.close(),
    });
    stack.defer(async () => await server.close(0));
    const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
    const path = formatPiecePath({ taskId, pieceIndex: 3 });
    const error = await failure(fetcher().fetch(request(port, { path }), never));
    expect(error.reason).toBe(reason);
  },
);
