import type { EXIT } from "../platform/user-error.ts";

/** What the exit codes mean, for docs/reference/exit-codes.md. */
export const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: "Done, or stopped as asked.",
  internal: "A defect; the message asks to report it.",
  usage:
    "The command line, the environment, the configuration file or an address in them cannot be used.",
  unreachable:
    "The origin cannot be reached, or nobody else can serve and the origin must not be asked.",
  denied: "The origin asks for credentials, refuses those given, or its address is not allowed.",
  notFound: "The origin has no such file.",
  originFailed: "The origin answered with errors, broke off, or changed the file in the meantime.",
  digestMismatch: "The bytes do not match the digest.",
  localFile: "A local file or directory cannot be read, written or created.",
  daemonUnavailable: "The daemon of this node does not answer, or could not be started.",
  addressInUse: "Another process listens on the address, or another daemon on the socket.",
  interrupted: "Ended by a signal before it was done.",
  timedOut: "The time given by `--timeout` ran out.",
  someFailed: "Of several files some failed; each failure was said when it happened.",
};
