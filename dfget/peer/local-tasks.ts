import type { TaskId } from "../../protocol/task-id.ts";
import type { OpenTask, SmallContent } from "./open-task.ts";
import type { ArrivedPieces } from "./arrived-pieces.ts";
import { SmallContents } from "./small-contents.ts";
import type { SwarmDriver } from "./swarm-driver.ts";
import { TaskHandle } from "./task-handle.ts";
import type { TaskKeeper } from "./task-keeper.ts";
import type { TaskSession } from "./task-session.ts";

/** What a node's own readers get of its tasks. */
export class LocalTasks {
  readonly #keeper: Pick<TaskKeeper, "wake" | "isSound" | "touch" | "readerLeft">;
  readonly #driver: Pick<SwarmDriver, "readersMoved">;
  readonly #arrived: ArrivedPieces;
  readonly #small = new SmallContents();

  constructor(deps: {
    readonly keeper: Pick<TaskKeeper, "wake" | "isSound" | "touch" | "readerLeft">;
    readonly driver: Pick<SwarmDriver, "readersMoved">;
    readonly arrived: ArrivedPieces;
  }) {
    this.#keeper = deps.keeper;
    this.#driver = deps.driver;
    this.#arrived = deps.arrived;
  }

  /** Keeps the content of a task that has come whole, when it is short: it is read at once. The bytes are copied. */
  keep(session: TaskSession, content: Uint8Array): void {
    this.#small.keep(session, content);
  }

  /** A reader's hold on a task. `isOld` says that it was open before: what it received until now was for somebody else. */
  handle(session: TaskSession, isOld: boolean): OpenTask {
    return new TaskHandle(
      session,
      isOld,
      {
        // Of a task that is complete nothing is fetched, wherever it is read.
        moved: () => {
          if (!session.isComplete) this.#driver.readersMoved(session);
        },
        checkSound: async (piece) => await this.#keeper.isSound(session, piece),
        arrived: (piece) => this.#arrived.lend(session, piece),
        inMemory: () => this.#small.inMemory(session),
      },
      () => this.#keeper.readerLeft(session),
    );
  }

  /** A task that is complete and proven here already; asks nobody. */
  async open(taskId: TaskId): Promise<OpenTask | undefined> {
    const session = await this.#keeper.wake(taskId);
    return session?.isComplete ? this.handle(session, true) : undefined;
  }

  /** The whole of such a task, when it is small; else undefined. */
  async readSmall(taskId: TaskId): Promise<SmallContent | undefined> {
    const session = await this.#keeper.wake(taskId);
    if (!session?.isComplete) return undefined;
    this.#keeper.touch(session);
    return await this.#small.of(session);
  }
}
