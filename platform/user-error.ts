/** How the programs end. Every number is below 126, where shells begin to use their own. */
export const EXIT = {
  ok: 0,
  internal: 1,
  usage: 2,
  unreachable: 3,
  denied: 4,
  notFound: 5,
  originFailed: 6,
  digestMismatch: 7,
  localFile: 8,
  daemonUnavailable: 9,
  addressInUse: 10,
  interrupted: 11,
  timedOut: 12,
  someFailed: 13,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Something the user can fix: shown as one sentence without a stack trace, ending the program with a code. */
export class UserError extends Error {
  override readonly name = "UserError";
  readonly exitCode: ExitCode;

  /** `message` says what happened, to what, and what to do next; it holds no secret. */
  constructor(exitCode: ExitCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.exitCode = exitCode;
  }
}
