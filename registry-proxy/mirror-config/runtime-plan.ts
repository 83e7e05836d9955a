import { EXIT, UserError } from "../../platform/user-error.ts";

/** The runtimes that can be told about the mirror. */
export const RUNTIMES = ["containerd", "docker", "podman", "crio", "k3s", "buildkit"] as const;
export type Runtime = (typeof RUNTIMES)[number];

/** What a runtime is to be told. */
export interface MirrorWish {
  /** Where the mirror is, `http://127.0.0.1:65001`. */
  readonly mirrorUrl: string;
  /** The registries that it is asked for, as images name them; "all" for every one. */
  readonly registries: "all" | readonly string[];
  /** The runtime's version, major and minor. */
  readonly version: RuntimeVersion;
}

export interface RuntimeVersion {
  readonly major: number;
  readonly minor: number;
}

/** The text of a file as it is, undefined where there is none. Paths are absolute. */
export type ReadFile = (path: string) => Promise<string | undefined>;

/** A file as it shall be. */
export interface PlannedFile {
  readonly path: string;
  readonly text: string;
}

/** What has to be in files, and what the user has to do afterwards. */
export interface RuntimePlan {
  readonly files: readonly PlannedFile[];
  /** A sentence, such as which service to restart. */
  readonly afterwards: string;
}

/** Reads the first version in a text such as the output of `containerd --version`, or a number alone. */
export function parseVersion(text: string): RuntimeVersion | undefined {
  const match = /(\d+)\.(\d+)/.exec(text) ?? /^v?(\d+)$/.exec(text.trim());
  return match ? { major: Number(match[1]), minor: Number(match[2] ?? 0) } : undefined;
}

/** The error for a wish that cannot be fulfilled without breaking something. */
export function cannot(message: string): UserError {
  return new UserError(EXIT.usage, message);
}
