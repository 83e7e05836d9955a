import { EXIT, UserError } from "../../../platform/user-error.ts";
import type { SocketRequest } from "../daemon-connection.ts";
import type { CacheCall } from "./run-cache.ts";
import { listingOf, taskMeant } from "./task-reference.ts";

const REQUESTS = {
  rm: (id) => ({ method: "DELETE", path: `/v1/tasks/${id}` }),
  pin: (id) => ({ method: "PUT", path: `/v1/tasks/${id}/pin` }),
  unpin: (id) => ({ method: "DELETE", path: `/v1/tasks/${id}/pin` }),
} as const satisfies Record<string, (id: string) => SocketRequest>;
const DONE = { rm: "removed", pin: "pinned", unpin: "unpinned" } as const;

/** `dfget rm|pin|unpin TASK...`. Nothing is changed when one of the tasks is not there. */
export async function changeTasks(command: keyof typeof REQUESTS, call: CacheCall): Promise<void> {
  const { client, operands, signal, isJson, print } = call;
  if (operands.length === 0) {
    throw new UserError(EXIT.usage, `there is no task to ${command}; name one that dfget ls shows`);
  }
  const { tasks } = await listingOf(call);
  const ids = [...new Set(operands.map((text) => taskMeant(tasks, text).taskId))];
  for (const id of ids) {
    await client.ask(REQUESTS[command](id), signal);
    if (!isJson) print(`${DONE[command]} ${id}`);
  }
  if (isJson) print(JSON.stringify({ [DONE[command]]: ids }));
}
