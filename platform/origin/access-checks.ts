import { createHmac, randomBytes } from "node:crypto";

import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { Calendar } from "../calendar.ts";
import type { Clock } from "../clock.ts";
import { printableUrl } from "../log.ts";
import { RecentMap } from "../recent-map.ts";
import { SingleFlight } from "../single-flight.ts";
import type { OriginFetch, OriginResponse } from "./origin-request.ts";
import type { RegistryContent } from "./registry-content.ts";
import { tokenEndMs } from "./token-end.ts";

/** The longest that a registry's yes is believed, milliseconds. */
export const VERDICT_MS_MAX = 300_000;
/** The most verdicts remembered; the one used longest ago is forgotten, and the registry asked again. */
export const VERDICTS_MAX = 65_536;

interface Verdict {
  readonly untilMs: number;
}

/** Content, where it is, and with what credential somebody wants it. */
export interface AccessQuestion {
  readonly content: RegistryContent;
  /** What tells this caller from others: an Authorization header, or what stands for it. */
  readonly credential: string;
  readonly accept?: string | undefined;
}

/** Sends one request with the caller's rights. */
export type AskAsCaller = (
  request: Parameters<OriginFetch>[0],
  signal: AbortSignal,
) => Promise<OriginResponse>;

/**
 * Whether registries give content to callers. A registry is asked by HEAD, with the caller's own credential, and its yes
 * is remembered under a keyed hash of the credential, for a repository and for each manifest in it. That a blob
 * is in a repository is no secret of one caller, so it is remembered for all who may read that repository.
 */
export class AccessChecks {
  readonly #clock: Clock;
  readonly #calendar: Calendar;
  readonly #lifeMs: number;
  /** Makes hashes that tell nothing to who does not have it. It dies with the process. */
  readonly #hashKey = randomBytes(32);
  readonly #verdicts = new RecentMap<string, Verdict>(VERDICTS_MAX);
  readonly #flights = new SingleFlight<void>();

  /** `lifeMs` is how long a yes is believed, at most {@link VERDICT_MS_MAX}. */
  constructor(
    deps: { readonly clock: Clock; readonly calendar: Calendar },
    options: { readonly lifeMs: number },
  ) {
    this.#clock = deps.clock;
    this.#calendar = deps.calendar;
    this.#lifeMs = Math.min(options.lifeMs, VERDICT_MS_MAX);
  }

  /**
   * Resolves when the registry gives the content to the caller. Throws its ProtocolError when it does not or cannot
   * be asked, or the reason of the signal.
   */
  async check(question: AccessQuestion, ask: AskAsCaller, signal: AbortSignal): Promise<void> {
    if (this.#isKnown(question)) return;
    const key = JSON.stringify(this.#keys(question));
    await this.#flights.run(
      key,
      async (flight) => {
        await askRegistry(question, ask, flight);
        this.note(question);
      },
      signal,
    );
  }

  /** The registry has just given the content to the caller, in answer to another request. */
  note(question: AccessQuestion): void {
    const untilMs = this.#clock.nowMs() + this.lifeOf(question.credential);
    const { own, shared } = this.#keys(question);
    for (const key of own) this.#verdicts.set(key, { untilMs });
    const sharedUntilMs = this.#clock.nowMs() + this.#lifeMs;
    for (const key of shared) this.#verdicts.set(key, { untilMs: sharedUntilMs });
  }

  /** A name for a credential that tells nothing about it. */
  nameOf(credential: string): string {
    return createHmac("sha256", this.#hashKey).update(credential).digest("base64url");
  }

  /** How long from now on a yes to this credential is believed, milliseconds; 0 for one that is over. */
  lifeOf(credential: string): number {
    const endMs = tokenEndMs(credential);
    if (endMs === undefined) return this.#lifeMs;
    return Math.max(0, Math.min(this.#lifeMs, endMs - this.#calendar()));
  }

  #isKnown(question: AccessQuestion): boolean {
    const { own, shared } = this.#keys(question);
    const nowMs = this.#clock.nowMs();
    return [...own, ...shared].every((key) => (this.#verdicts.get(key)?.untilMs ?? 0) > nowMs);
  }

  /** The verdicts that have to be there: those of this caller, and those for everybody with the right. */
  #keys({ content, credential }: AccessQuestion): { own: string[]; shared: string[] } {
    const { repositoryUrl, kind, digest } = content;
    const name = `${kind}/${digest}`;
    const repository = `${this.nameOf(credential)} ${repositoryUrl}`;
    if (kind === "manifests") return { own: [repository, `${repository}/${name}`], shared: [] };
    return { own: [repository], shared: [`${repositoryUrl}/${name}`] };
  }
}

async function askRegistry(
  { content, accept }: AccessQuestion,
  ask: AskAsCaller,
  signal: AbortSignal,
): Promise<void> {
  const url = `${content.repositoryUrl}/${content.kind}/${content.digest}`;
  const headers = new Map(accept === undefined ? [] : [["accept", accept]]);
  let answer;
  try {
    answer = await ask({ method: "HEAD", url, headers }, signal);
  } catch (error) {
    if (!mayRefuseHeadOnly(error)) throw error;
    // Addresses that were signed for GET, and some servers, take no HEAD.
    const range = { firstByte: 0, lastByte: 0 };
    answer = await ask({ method: "GET", url, headers, range }, signal);
  }
  answer.dispose();
  const digest = answer.header("docker-content-digest");
  const isPage = /^text\/html\b/i.test(answer.header("content-type") ?? "");
  if (!isPage && (digest === undefined || digest === content.digest)) return;
  const message = `the registry answers something else than ${content.digest} at ${printableUrl(url)}; check its address`;
  throw new ProtocolError("ORIGIN_DENIED", message);
}

function mayRefuseHeadOnly(error: unknown): boolean {
  if (!(error instanceof ProtocolError)) return false;
  const { originStatus } = error.details;
  return originStatus !== undefined && [400, 403, 405, 501].includes(originStatus);
}
