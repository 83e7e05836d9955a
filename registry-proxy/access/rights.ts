import type { AccessChecks, AccessQuestion } from "../../platform/origin/access-checks.ts";
import { scopeOf } from "../../platform/origin/registry-content.ts";
import type { Digest } from "../../protocol/digest.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { digestTaskId, privateTaskId } from "../../protocol/task-id.ts";
import type { RepositoryFetch } from "../upstream/origin-content.ts";
import type { Repository } from "../upstream/repository.ts";
import type { UpstreamClient } from "../upstream/upstream-client.ts";
import { contentUrl } from "../upstream/upstream-client.ts";
import type { Caller } from "./caller.ts";

/** What somebody may have of a repository, and how its registry is asked on his behalf. */
export interface Rights {
  /** Whether the content is for callers with a right to it only. */
  readonly isPrivate: boolean;
  /** Tells what registries say to this caller from what they say to others, in the keys of caches. */
  readonly cacheKey: string;
  /** How long what the registry said may be used while it cannot be asked, milliseconds. */
  readonly outageMs: number;
  /** Asks the registry. */
  readonly fetch: RepositoryFetch;
  /** Runs an attempt with the Authorization header to use, and again with a fresh one when it was refused. */
  run<T>(
    attempt: (authorization: string | undefined) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T>;
  /** The task of a content under these rights. */
  taskId(digest: Digest): TaskId;
  /** Resolves when the registry gives the content to the caller; throws its ProtocolError when it does not. */
  check(
    kind: "blobs" | "manifests",
    digest: Digest,
    accept: string | undefined,
    signal: AbortSignal,
  ): Promise<void>;
  /** The registry has just named this manifest to the caller. */
  noteManifest(digest: Digest): void;
}

/** The rights of everybody. */
export function publicRights(repository: Repository, upstream: UpstreamClient): Rights {
  return {
    isPrivate: false,
    cacheKey: "",
    outageMs: Infinity,
    fetch: async (request, signal) => await upstream.fetch(repository, request, signal),
    run: async (attempt, signal) => await upstream.access.run(repository, attempt, signal),
    taskId: digestTaskId,
    check: async () => undefined,
    noteManifest: () => undefined,
  };
}

/** The rights of a caller who brought a credential. */
export function callerRights(
  repository: Repository,
  caller: Caller,
  deps: { readonly upstream: UpstreamClient; readonly checks: AccessChecks },
): Rights {
  const { upstream, checks } = deps;
  const { kind, authorization: credential } = caller;
  const scope = scopeOf(repository.upstream.baseUrl);
  const run: Rights["run"] = async (attempt, signal) =>
    kind === "basic"
      ? await upstream.access.run(repository, attempt, signal, credential)
      : await attempt(credential);
  const fetch: RepositoryFetch = async (request, signal) =>
    await run(
      async (authorization) => await upstream.fetchAs(authorization, repository, request, signal),
      signal,
    );
  const question = (contentKind: "blobs" | "manifests", digest: Digest): AccessQuestion => ({
    content: {
      authority: repository.upstream.baseUrl,
      repositoryUrl: contentUrl(repository, "").slice(0, -1),
      kind: contentKind,
      digest,
    },
    credential,
  });
  return {
    isPrivate: true,
    cacheKey: checks.nameOf(credential),
    outageMs: checks.lifeOf(credential),
    fetch,
    run,
    taskId: (digest) => privateTaskId(digest, scope),
    check: async (contentKind, digest, accept, signal) => {
      const path = `${contentKind}/${digest}`;
      await checks.check(
        { ...question(contentKind, digest), accept },
        async ({ method, range }, flight) =>
          await fetch({ method, path, accept, ...(range ? { range } : {}) }, flight),
        signal,
      );
    },
    noteManifest: (digest) => checks.note(question("manifests", digest)),
  };
}
