import type { LimitFunction } from "p-limit";

import { TASKS_PER_NODE_MAX } from "../../protocol/limits.ts";
import type { NodeFrame } from "../../protocol/node-frames.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskSummary } from "../../protocol/rest.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { taskDigest, taskScope } from "../../protocol/task-id.ts";
import type { Admissions } from "../admissions.ts";
import type { ConnectedNode } from "../connected-node.ts";
import { LowestFree } from "../lowest-free.ts";
import type { Host, Task } from "../scheduler/scheduler.ts";
import type { SchedulerDriver } from "../scheduler-driver.ts";
import type { SeedDeps } from "../seed/seed-request.ts";
import type { JoinRequest } from "./join-request.ts";
import { parseJoin, readHave } from "./join-request.ts";
import type { TaskTimes } from "./live-task-deps.ts";
import { LiveTask } from "./live-task.ts";
import type { PartSlots } from "./part-slots.ts";
import type { OriginCounts, ProbeStream } from "./probe-stream.ts";
import { RecentMismatches } from "./recent-mismatches.ts";
import { shownError } from "./shown-error.ts";
import { sendAbort } from "./task-answers.ts";
import type { TaskJoin } from "./task-members.ts";
import { isWhole } from "./task-members.ts";
import type { UrlResolver } from "./url-resolver.ts";

/** The most tasks that nodes take part in at once; a join of one more is refused. */
export const LIVE_TASKS_MAX = 65_536;

export interface TaskDirectoryDeps {
  readonly seed: SeedDeps;
  readonly driver: SchedulerDriver;
  readonly admissions: Admissions;
  readonly resolver: UrlResolver;
  readonly seedSlots: LimitFunction;
  /** The same for parts of tasks. */
  readonly partSlots: PartSlots;
  readonly totals: OriginCounts;
  readonly times: TaskTimes;
  /** Hears of the last state of a task that is live no more. */
  readonly onEnded: (summary: TaskSummary) => void;
}

/** A join from the frame to the leave or the abort. */
interface Join {
  readonly abort: AbortController;
  task: LiveTask | undefined;
}

type TaskFrame = Extract<NodeFrame, { task: number }>;

/** Made once: thousands of nodes may leave at a time, and each error has a stack. */
const NODE_LEFT = new Error("the node left");

/** Every task that nodes take part in, and which node knows it by which number. */
export class TaskDirectory {
  readonly #deps: TaskDirectoryDeps;
  readonly #mismatches: RecentMismatches;
  readonly #tasks = new Map<TaskId, LiveTask>();
  readonly #byNumber = new Map<Task, LiveTask>();
  readonly #numbers = new LowestFree();
  /** What remains to be done of tasks that were closed. */
  readonly #ending = new Map<TaskId, Promise<void>>();
  readonly #joins = new Map<Host, Map<number, Join>>();
  /** Live tasks that nodes named by their ids, of URLs that nobody has named here: any URL may be meant. */
  readonly #unnamed = new Set<TaskId>();

  constructor(deps: TaskDirectoryDeps) {
    this.#deps = deps;
    this.#mismatches = new RecentMismatches(deps.seed.clock);
  }

  get(taskId: TaskId): LiveTask | undefined {
    return this.#tasks.get(taskId);
  }

  /** The tasks that nodes take part in now. */
  get live(): Iterable<LiveTask> {
    return this.#tasks.values();
  }

  get liveCount(): number {
    return this.#tasks.size;
  }

  /** The number by which a node knows a task. */
  taskNumber(host: Host, task: Task): number | undefined {
    return this.#byNumber.get(task)?.members.numberOf(host);
  }

  /** How many tasks a node takes part in. */
  joinCount(host: Host): number {
    return this.#joins.get(host)?.size ?? 0;
  }

  /** Handles a frame about a task. Frames about a number that is not in use are late, and ignored. */
  handle(
    node: ConnectedNode,
    frame: TaskFrame,
    hostOf: (nodeId: string) => Host | undefined,
  ): void {
    if (frame.kind === "join") {
      void this.#join(node, frame);
      return;
    }
    const join = this.#joins.get(node.host)?.get(frame.task);
    if (!join) return;
    if (frame.kind === "leave") {
      this.#forget(node.host, frame.task);
      join.abort.abort(NODE_LEFT);
      join.task?.leave(node, frame.task);
      return;
    }
    if (join.task) this.#tell(join.task, node, frame, hostOf);
  }

  /** The node is gone: it leaves every task. */
  removeNode(node: ConnectedNode): void {
    const joins = this.#joins.get(node.host);
    this.#joins.delete(node.host);
    for (const [number, join] of joins ?? []) {
      join.abort.abort(NODE_LEFT);
      join.task?.leave(node, number);
    }
  }

  /** Ends every task; resolves when nothing is read or written any more. */
  async close(): Promise<void> {
    for (const joins of this.#joins.values()) {
      for (const { abort } of joins.values()) abort.abort(new Error("the supernode stops"));
    }
    for (const task of this.#tasks.values()) task.close();
    await Promise.all(this.#ending.values());
  }

  #tell(
    task: LiveTask,
    node: ConnectedNode,
    frame: Exclude<TaskFrame, { kind: "join" | "leave" }>,
    hostOf: (nodeId: string) => Host | undefined,
  ): void {
    const { driver } = this.#deps;
    switch (frame.kind) {
      case "progress": {
        const { shape } = task.pieces;
        const have = shape && readHave(frame.have, shape.lengthBytes, shape.pieceLengthBytes);
        if (have) task.progress(node, have);
        return;
      }
      case "refuse-offer":
        driver.refuseOffer(task.number, node.host, frame.piece);
        return;
      case "blame": {
        const accused = hostOf(frame.nodeId);
        if (accused !== undefined) driver.blame(task.number, node.host, accused, frame.reason);
        return;
      }
      case "starve":
        task.starve(node);
        return;
      case "want":
        task.want(node, frame);
        return;
      case "renew": {
        const admission = this.#deps.admissions.renew(node.nodeId, task.taskId, frame.admission);
        if (admission) node.link.send({ kind: "admission", task: frame.task, admission });
        return;
      }
      default:
        frame satisfies never;
    }
  }

  async #join(node: ConnectedNode, frame: Extract<TaskFrame, { kind: "join" }>): Promise<void> {
    const joins = this.#joins.get(node.host) ?? new Map<number, Join>();
    this.#joins.set(node.host, joins);
    if (joins.has(frame.task)) {
      node.link.close(4400, `the task number ${frame.task} is in use`);
      return;
    }
    const join: Join = { abort: new AbortController(), task: undefined };
    joins.set(frame.task, join);
    try {
      if (joins.size > TASKS_PER_NODE_MAX)
        throw limitExceeded("the node takes part in too many tasks");
      await this.#enter(node, parseJoin(frame), join, { isGetOnly: false });
    } catch (error) {
      this.#refuse(node, frame.task, join, error);
    }
  }

  #refuse(node: ConnectedNode, number: number, join: Join, error: unknown): void {
    if (join.abort.signal.aborted) return;
    this.#forget(node.host, number);
    sendAbort({ node, number }, shownError(error, this.#deps.seed.log), false);
  }

  /** Finds the task that is meant, asking the origin where the URL alone does not tell, and joins it. */
  async #enter(
    node: ConnectedNode,
    request: JoinRequest,
    join: Join,
    options: { readonly isGetOnly: boolean },
  ): Promise<void> {
    const { number, pieceLengthBytes, holding, isPart, mayHold, wholeBytesMax } = request;
    const given = request.taskId;
    if (given !== undefined && taskScope(given) !== undefined) {
      await this.#enterPrivate(node, given, request, join);
      return;
    }
    const known = given !== undefined && (await this.#isKnown(given, request)) ? given : undefined;
    if (join.abort.signal.aborted) return;
    const { resolver } = this.#deps;
    if (known !== undefined) {
      const { origin } = request;
      const taskJoin = {
        node,
        number,
        origin,
        pieceLengthBytes,
        holding,
        isPart,
        mayHold,
        admission: undefined,
        rejoin: undefined,
      };
      this.#attach(known, taskJoin, undefined, join);
      if (taskDigest(known) === undefined && !resolver.isKnown(known)) this.#unnamed.add(known);
      return;
    }
    const { answerAgeMs } = request;
    // What nodes hold may well be the single file that one of them asks for; of a tree most files are new to all.
    const mayBeHeld = answerAgeMs === undefined && (mayHold || this.#unnamed.size > 0);
    const isContentWanted = given === undefined && !isPart && !mayBeHeld;
    const resolved = await resolver.resolve(
      request.origin!,
      request.identity,
      { ...options, isContentWanted, answerAgeMs },
      join.abort.signal,
    );
    this.#unnamed.delete(resolved.taskId);
    const probe = resolved.takeStream();
    const rejoin = (): void => {
      join.task = undefined;
      this.#enter(node, request, join, { isGetOnly: true }).catch((error: unknown) =>
        this.#refuse(node, number, join, error),
      );
    };
    const taskJoin = {
      node,
      number,
      origin: resolved.origin,
      lastModified: plainText(resolved.origin.version?.lastModified),
      pieceLengthBytes,
      holding,
      wholeBytesMax,
      isPart,
      mayHold,
      admission: undefined,
      rejoin: options.isGetOnly ? undefined : rejoin,
    };
    try {
      if (given !== undefined && given !== resolved.taskId) {
        throw new ProtocolError(
          "ORIGIN_CHANGED",
          "the file is another one by now; ask for it again",
        );
      }
      this.#attach(resolved.taskId, taskJoin, probe, join);
    } catch (error) {
      probe?.stream[Symbol.dispose]();
      // No task will be there whose end makes it forgotten.
      if (!this.#tasks.has(resolved.taskId)) resolver.forget(resolved.taskId);
      throw error;
    }
  }

  /** Lets a node take part in a private task: as one that may have it, or as one that has it already. */
  async #enterPrivate(
    node: ConnectedNode,
    taskId: TaskId,
    request: JoinRequest,
    join: Join,
  ): Promise<void> {
    const { number, origin, pieceLengthBytes, holding, isPart, mayHold } = request;
    const taskJoin = {
      node,
      number,
      pieceLengthBytes,
      holding,
      isPart,
      mayHold,
      rejoin: undefined,
    };
    if (holding && isWhole(holding) && !origin) {
      this.#attach(
        taskId,
        { ...taskJoin, origin: undefined, admission: undefined },
        undefined,
        join,
      );
      return;
    }
    const admission = await this.#deps.admissions.admit(
      { nodeId: node.nodeId, taskId, origin, admission: request.admission },
      join.abort.signal,
    );
    if (join.abort.signal.aborted) return;
    this.#attach(taskId, { ...taskJoin, origin, admission }, undefined, join);
  }

  /** Whether a task named by its id can be joined without asking which version the origin has. */
  async #isKnown(taskId: TaskId, { origin, holding }: JoinRequest): Promise<boolean> {
    if (taskDigest(taskId) || !origin || this.#tasks.has(taskId)) return true;
    if (holding?.lengthBytes !== undefined && holding.have.isFull) return true;
    using stored = await this.#deps.seed.store.find(taskId);
    return stored?.record.isProven === true && stored.isComplete;
  }

  #attach(taskId: TaskId, taskJoin: TaskJoin, probe: ProbeStream | undefined, join: Join): void {
    const task = this.#tasks.get(taskId) ?? this.#create(taskId);
    join.task = task;
    task.join(taskJoin, probe);
  }

  #create(taskId: TaskId): LiveTask {
    if (this.#tasks.size >= LIVE_TASKS_MAX) throw limitExceeded("the supernode has too many tasks");
    const number = this.#numbers.take();
    const before = this.#ending.get(taskId) ?? Promise.resolve();
    const deps = {
      ...this.#deps,
      mismatches: this.#mismatches,
      onComplete: ({ taskId: completeId }: LiveTask) => this.#deps.resolver.forget(completeId),
      onJoinEnded: ({ node, number: joinNumber }: TaskJoin) => this.#forget(node.host, joinNumber),
      onClosed: (task: LiveTask, ended: Promise<void>) => this.#remove(task, ended),
    };
    const task = new LiveTask(deps, taskId, number, before);
    this.#tasks.set(taskId, task);
    this.#byNumber.set(number, task);
    return task;
  }

  #remove(task: LiveTask, ended: Promise<void>): void {
    const { taskId } = task;
    this.#tasks.delete(taskId);
    this.#unnamed.delete(taskId);
    this.#byNumber.delete(task.number);
    this.#numbers.give(task.number);
    this.#deps.resolver.forget(taskId);
    if (task.summary.state === "failed") this.#deps.resolver.outdated(taskId);
    this.#deps.onEnded(task.summary);
    const done = ended.then(() => {
      if (this.#ending.get(taskId) === done) this.#ending.delete(taskId);
    });
    this.#ending.set(taskId, done);
  }

  #forget(host: Host, number: number): void {
    this.#joins.get(host)?.delete(number);
  }
}

function limitExceeded(what: string): ProtocolError {
  return new ProtocolError("LIMIT_EXCEEDED", `${what}; try again later`);
}

/** What every program can read; an origin may send anything. */
function plainText(text: string | undefined): string | undefined {
  return text !== undefined && /^[\x20-\x7e]{1,64}$/.test(text) ? text : undefined;
}
