import type { ExitCode } from "../../../platform/user-error.ts";
import { EXIT } from "../../../platform/user-error.ts";
import type { DfgetConfig } from "../download-plan.ts";
import { isDirect } from "../option-conflicts.ts";
import type { BatchSummary } from "../reporter.ts";

/** Why dfget of Dragonfly 1 read the source itself, or failed to. */
export const V1_REASONS = {
  none: 0,
  registrationFailed: 1,
  digestMismatch: 2,
  downloadFailed: 3,
  noSpace: 4,
  writeFailed: 6,
  noNode: 8,
  originFailed: 10,
  userAsked: 100,
} as const;

/** What is added when the source must not be read. */
const SOURCE_FORBIDDEN = 1000;

type Asked = Pick<
  DfgetConfig,
  "backSource" | "supernode" | "direct" | "insecure" | "cacert" | "cert" | "key"
>;

/** "download SUCCESS cost:1.234s length:1000 reason:0", as dfget of Dragonfly 1 ended. */
export function successLine(config: Asked, summary: BatchSummary): string {
  return line("SUCCESS", summary.durationMs, summary.lengthBytes, successReason(config, summary));
}

/** "download FAIL cost:… length:-1 reason:… error:…". */
export function failureLine(
  config: Asked,
  failure: { readonly exitCode: ExitCode; readonly message: string; readonly durationMs: number },
): string {
  const reason = failureReason(failure.exitCode) + (config.backSource ? 0 : SOURCE_FORBIDDEN);
  return line("FAIL", failure.durationMs, -1, reason).replace("\n", ` error:${failure.message}\n`);
}

function line(outcome: string, durationMs: number, lengthBytes: number, reason: number): string {
  const seconds = (durationMs / 1000).toFixed(3);
  return `download ${outcome} cost:${seconds}s length:${lengthBytes} reason:${reason}\n`;
}

function successReason(config: Asked, { receivedBytes }: BatchSummary): number {
  if (isDirect(config as DfgetConfig)) return V1_REASONS.userAsked;
  const { origin, seed, peers } = receivedBytes;
  if (origin === 0 || seed + peers > 0) return V1_REASONS.none;
  return config.supernode.length === 0 ? V1_REASONS.noNode : V1_REASONS.registrationFailed;
}

function failureReason(exitCode: ExitCode): number {
  switch (exitCode) {
    case EXIT.digestMismatch:
      return V1_REASONS.digestMismatch;
    case EXIT.localFile:
      return V1_REASONS.writeFailed;
    case EXIT.denied:
    case EXIT.notFound:
    case EXIT.originFailed:
      return V1_REASONS.originFailed;
    case EXIT.unreachable:
    case EXIT.daemonUnavailable:
      return V1_REASONS.registrationFailed;
    default:
      return V1_REASONS.downloadFailed;
  }
}
