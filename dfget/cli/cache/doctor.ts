import { constants, existsSync } from "node:fs";
import { access, statfs } from "node:fs/promises";
import { request } from "node:http";

import { formatByteCount } from "../../../platform/quantity.ts";
import { EXIT, UserError } from "../../../platform/user-error.ts";
import { VERSION } from "../../../platform/version.ts";
import { PROTOCOL_VERSION } from "../../../protocol/version.ts";
import type { DaemonStatus } from "../../daemon/api-schema.ts";
import { DaemonAbsentError } from "../daemon-client.ts";
import type { CacheCall } from "./run-cache.ts";
import { countOf, listingOf } from "./task-reference.ts";

const ANSWER_MS_MAX = 5000;
const FREE_BYTES_MIN = 256 * 1024 ** 2;

/** One thing that was looked at. */
interface Finding {
  readonly what: string;
  readonly state: "good" | "odd" | "bad";
  /** What was found, and what to do where it is not good. */
  readonly sentence: string;
}

/** `dfget doctor`: looks at everything that a download needs, and ends with a code other than 0 where something is bad. */
export async function examine(call: CacheCall): Promise<void> {
  const answer = await statusOf(call);
  const status = answer === "absent" || answer instanceof Error ? undefined : answer;
  const findings: Finding[] = [
    daemonFinding(answer, call),
    await directoryFinding(status?.dataDir ?? call.settings.dataDir),
    ...(status ? await daemonFindings(call, status) : []),
    ...(await supernodeFindings(status, call)),
  ];
  if (call.isJson) call.print(JSON.stringify({ findings }));
  else
    for (const { what, state, sentence } of findings)
      call.print(`${state.padEnd(4)} ${what}: ${sentence}`);
  const bad = findings.filter(({ state }) => state === "bad").length;
  if (bad === 0) return;
  throw new UserError(
    EXIT.daemonUnavailable,
    `${bad} of ${findings.length} things need to be mended`,
  );
}

async function statusOf({ client, signal }: CallOf): Promise<DaemonStatus | "absent" | Error> {
  try {
    return await client.status(signal);
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof DaemonAbsentError ? "absent" : (error as Error);
  }
}

type CallOf = Pick<CacheCall, "client" | "signal">;

function daemonFinding(status: DaemonStatus | "absent" | Error, { client }: CallOf): Finding {
  const what = "daemon";
  const { socketPath } = client;
  if (status === "absent") {
    const isLeft = existsSync(socketPath);
    const sentence = isLeft
      ? `the socket ${socketPath} is there, but nobody answers; the next download replaces it`
      : `none runs at ${socketPath}; the next download starts one`;
    return { what, state: "odd", sentence };
  }
  if (status instanceof Error) return { what, state: "bad", sentence: status.message };
  const { version, pid, endpoint, state } = status;
  if (version !== VERSION) {
    const sentence = `it is of release ${version} and this command of ${VERSION}; restart process ${pid}`;
    return { what, state: "odd", sentence };
  }
  return { what, state: "good", sentence: `${state}, process ${pid}, pieces at ${endpoint}` };
}

async function directoryFinding(dataDir: string): Promise<Finding> {
  const what = "data directory";
  try {
    await access(dataDir, constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return { what, state: "odd", sentence: `${dataDir} is not there yet` };
    return {
      what,
      state: "bad",
      sentence: `${dataDir} cannot be written (${code}); mend its rights`,
    };
  }
  const { bavail, bsize } = await statfs(dataDir);
  const free = `${formatByteCount(bavail * bsize)} are free in ${dataDir}`;
  if (bavail * bsize >= FREE_BYTES_MIN) return { what, state: "good", sentence: free };
  return { what, state: "bad", sentence: `only ${free}; make room, nothing more is stored` };
}

async function daemonFindings(call: CacheCall, status: DaemonStatus): Promise<Finding[]> {
  const { tasks, usedBytes, quotaBytes } = await listingOf(call);
  const pinned = tasks.filter(({ isPinned }) => isPinned);
  const pinnedBytes = pinned.reduce((sum, { heldBytes }) => sum + heldBytes, 0);
  const used = `${countOf(tasks)}, ${formatByteCount(usedBytes)}, ${formatByteCount(pinnedBytes)} of it pinned`;
  const isTight = quotaBytes > 0 && pinnedBytes > 0.8 * quotaBytes;
  const cache: Finding = isTight
    ? { what: "cache", state: "odd", sentence: `${used}; pins leave little room, unpin some` }
    : { what: "cache", state: "good", sentence: used };
  const isConnected = status.connectedSupernode !== undefined;
  if (status.supernodes.length === 0) {
    const sentence =
      "none is configured, so this node downloads alone; start the daemon with --supernode";
    return [cache, { what: "supernode of the daemon", state: "odd", sentence }];
  }
  return [
    cache,
    {
      what: "supernode of the daemon",
      state: isConnected ? "good" : "bad",
      sentence: isConnected
        ? `connected to ${status.connectedSupernode}`
        : `not connected to any of ${status.supernodes.join(", ")}`,
    },
  ];
}

async function supernodeFindings(
  status: DaemonStatus | undefined,
  { settings, signal }: CacheCall,
): Promise<Finding[]> {
  const urls = [...new Set([...(status?.supernodes ?? []), ...settings.supernodeUrls])];
  return await Promise.all(
    urls.map(async (url): Promise<Finding> => {
      const what = url;
      try {
        const { version, protocol } = (await getJson(`${url}/version`, signal)) as Record<
          string,
          unknown
        >;
        const isSame = protocol === PROTOCOL_VERSION;
        const sentence = isSame
          ? `answers, release ${String(version)}`
          : `speaks protocol ${String(protocol)} and this node ${PROTOCOL_VERSION}; bring both to one release`;
        return { what, state: isSame ? "good" : "bad", sentence };
      } catch (error) {
        signal.throwIfAborted();
        const { code, message } = error as NodeJS.ErrnoException;
        return {
          what,
          state: "bad",
          sentence: `does not answer (${code ?? message}); check that it runs`,
        };
      }
    }),
  );
}

async function getJson(url: string, signal: AbortSignal): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const sent = request(url, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]),
  });
  sent.once("error", reject);
  sent.once("response", (response) => {
    const chunks: Uint8Array[] = [];
    response.on("data", (chunk: Uint8Array) => void (chunks.length < 100 && chunks.push(chunk)));
    response.once("error", reject);
    response.once("end", () => {
      try {
        resolve(JSON.parse(Buffer.concat(chunks).toString("utf8")));
      } catch (error) {
        reject(error);
      }
    });
  });
  sent.end();
  return await promise;
}
