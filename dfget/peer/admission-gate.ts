import type { Calendar } from "../../platform/calendar.ts";
import { RecentMap } from "../../platform/recent-map.ts";
import type { TrustedKeys } from "../../platform/signing.ts";
import type { NodeId } from "../../protocol/node-id.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { taskScope } from "../../protocol/task-id.ts";

/** Admissions whose signature was found right; a signature costs more than a look-up. */
const KNOWN_MAX = 4096;

/** Decides at a node which other nodes get pieces of private tasks: those that a trusted supernode admitted. */
export class AdmissionGate {
  readonly #keys: TrustedKeys;
  readonly #calendar: Calendar;
  /** By task, node and admission. */
  readonly #known = new RecentMap<string, { readonly untilMs: number }>(KNOWN_MAX);

  constructor(keys: TrustedKeys, calendar: Calendar) {
    this.#keys = keys;
    this.#calendar = calendar;
  }

  /** Whether a node that shows `admission`, base64url, may have pieces of the task. */
  admits(taskId: TaskId, nodeId: NodeId | undefined, admission: string | undefined): boolean {
    if (taskScope(taskId) === undefined) return true;
    if (nodeId === undefined || admission === undefined) return false;
    const nowMs = this.#calendar();
    const key = `${taskId} ${nodeId} ${admission}`;
    const known = this.#known.get(key);
    if (known) return known.untilMs > nowMs;
    const bytes = Buffer.from(admission, "base64url");
    const valid = this.#keys.verifyAdmission(bytes, { taskId, nodeId }, nowMs);
    if (valid) this.#known.set(key, { untilMs: valid.untilMs });
    return valid !== undefined;
  }
}
