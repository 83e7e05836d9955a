import type { Calendar } from "../platform/calendar.ts";
import type { Clock } from "../platform/clock.ts";
import { AccessChecks } from "../platform/origin/access-checks.ts";
import type { OriginFetch } from "../platform/origin/origin-request.ts";
import type { RegistryContent } from "../platform/origin/registry-content.ts";
import { parseRegistryContent, scopeOf } from "../platform/origin/registry-content.ts";
import type { Signer } from "../platform/signing.ts";
import { TrustedKeys } from "../platform/signing.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import type { TaskId } from "../protocol/task-id.ts";
import { taskDigest, taskScope } from "../protocol/task-id.ts";
import type { TaskOrigin } from "./seed/seed-request.ts";

/** How long an admission is valid; a node that needs longer has it renewed. */
const LIFE_MS = 10 * 60_000;
/** How long after the origin's yes an admission is renewed without asking again. */
const RENEWAL_MS_MAX = 60 * 60_000;
/** How long the origin's yes is believed for further joins with the same credential. */
const VERDICT_MS = 60_000;

/** What a node shows to take part in a private task. */
export interface AdmissionRequest {
  readonly nodeId: string;
  readonly taskId: TaskId;
  readonly origin: TaskOrigin | undefined;
  /** An admission of an earlier join. */
  readonly admission: Uint8Array | undefined;
}

/**
 * Lets nodes take part in private tasks. A node is admitted when the origin that the task's scope stands for gives the content
 * to the headers that the node brought; nothing else that a node says counts. The admission is a signed
 * text, which every holder of pieces can check by itself.
 */
export class Admissions {
  readonly #signer: Signer;
  readonly #keys = new TrustedKeys();
  readonly #fetch: OriginFetch;
  readonly #calendar: Calendar;
  readonly #checks: AccessChecks;
  readonly #onProbe: () => void;

  constructor(deps: {
    readonly signer: Signer;
    readonly fetch: OriginFetch;
    readonly clock: Clock;
    readonly calendar: Calendar;
    /** Counts a request that only asks whether the content is given. */
    readonly onProbe: () => void;
  }) {
    this.#signer = deps.signer;
    this.#keys.add(deps.signer.publicKey);
    this.#fetch = deps.fetch;
    this.#calendar = deps.calendar;
    this.#onProbe = deps.onProbe;
    this.#checks = new AccessChecks(deps, { lifeMs: VERDICT_MS });
  }

  /**
   * Admits a node to a private task. Throws the ProtocolError of the origin that does not give the content,
   * NOT_ADMITTED when the node names no origin, BAD_REQUEST when it names another one.
   */
  async admit(request: AdmissionRequest, signal: AbortSignal): Promise<Uint8Array> {
    const { nodeId, taskId, origin, admission } = request;
    const renewed = admission && this.renew(nodeId, taskId, admission);
    if (renewed) return renewed;
    if (!origin) throw notAdmitted(taskId);
    const content = contentOf(taskId, origin);
    await this.#checks.check(
      {
        content,
        credential: credentialOf(origin.headers),
        accept: origin.headers.get("accept"),
      },
      async (asked, flight) => {
        const headers = new Map([...asked.headers, ...origin.headers]);
        return await this.#fetch({ ...asked, headers, onAttempt: this.#onProbe }, flight);
      },
      signal,
    );
    return this.#grant(nodeId, taskId, this.#calendar());
  }

  /** A later admission in place of one that is still valid; undefined when the origin has to be asked again. */
  renew(nodeId: string, taskId: TaskId, admission: Uint8Array): Uint8Array | undefined {
    const nowMs = this.#calendar();
    const held = this.#keys.verifyAdmission(admission, { taskId, nodeId }, nowMs);
    if (!held || nowMs - held.grantedAtMs > RENEWAL_MS_MAX) return undefined;
    return this.#grant(nodeId, taskId, held.grantedAtMs);
  }

  /** Whether a request for a piece may be answered. Everybody may have the pieces of a task that is not private. */
  isAdmitted(taskId: TaskId, nodeId: string | undefined, admission: string | undefined): boolean {
    if (taskScope(taskId) === undefined) return true;
    if (nodeId === undefined || admission === undefined) return false;
    const bytes = Buffer.from(admission, "base64url");
    return this.#keys.verifyAdmission(bytes, { taskId, nodeId }, this.#calendar()) !== undefined;
  }

  #grant(nodeId: string, taskId: TaskId, grantedAtMs: number): Uint8Array {
    const untilMs = this.#calendar() + LIFE_MS;
    return this.#signer.admit(taskId, nodeId, { grantedAtMs, untilMs });
  }
}

/** The content that the origin is to be asked for: that of the task, and at the authority of its scope. */
function contentOf(taskId: TaskId, { url }: TaskOrigin): RegistryContent {
  const content = parseRegistryContent(url);
  const isOfTask =
    content !== undefined &&
    content.digest === taskDigest(taskId) &&
    scopeOf(content.authority) === taskScope(taskId);
  if (isOfTask) return content;
  throw new ProtocolError(
    "BAD_REQUEST",
    "the origin of a private task must be its registry's address for the task's digest",
  );
}

/** What tells a caller's headers from another's. */
function credentialOf(headers: ReadonlyMap<string, string>): string {
  const others = [...headers].filter(([name]) => name !== "accept" && name !== "authorization");
  const authorization = headers.get("authorization") ?? "";
  if (others.length === 0) return authorization;
  return JSON.stringify([authorization, ...others.sort(([a], [b]) => (a < b ? -1 : 1))]);
}

function notAdmitted(taskId: TaskId): ProtocolError {
  return new ProtocolError(
    "NOT_ADMITTED",
    `${taskId} is private; name its registry and bring a credential that may read it`,
  );
}
