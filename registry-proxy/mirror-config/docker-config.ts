import { planHosts } from "./containerd-config.ts";
import type { MirrorWish, PlannedFile, ReadFile, RuntimePlan } from "./runtime-plan.ts";
import { cannot } from "./runtime-plan.ts";

const CONFIG_PATH = "/etc/docker/daemon.json";
const HOSTS_FOLDER = "/etc/docker/certs.d";
const KEY = "registry-mirrors";

/**
 * Plans the files of Docker: a mirror of Docker Hub for every version, and for other registries the files that version 28 and
 * later read with the containerd image store. Throws UserError for what Docker cannot do or a file that is no JSON.
 */
export async function planDocker(wish: MirrorWish, read: ReadFile): Promise<RuntimePlan> {
  const { registries, version, mirrorUrl } = wish;
  const others = registries === "all" ? [] : registries.filter((name) => name !== "docker.io");
  if (others.length > 0 && version.major < 28) {
    throw cannot(
      `Docker ${version.major} takes mirrors for docker.io only, not for ${others.join(", ")}; Docker 28 with the containerd image store takes more`,
    );
  }
  const files: PlannedFile[] = [];
  if (registries === "all" || registries.includes("docker.io")) {
    const text = withMirror(await read(CONFIG_PATH), mirrorUrl);
    if (text !== undefined) files.push({ path: CONFIG_PATH, text });
  }
  files.push(...(await planHosts({ ...wish, registries: others }, HOSTS_FOLDER, read)));
  return { files, afterwards: "Restart Docker: systemctl restart docker." };
}

/** The configuration with the mirror as its first; undefined where it is there already. */
function withMirror(text: string | undefined, mirrorUrl: string): string | undefined {
  const content = text === undefined || text.trim() === "" ? "{}" : text;
  const before = parsed(content);
  const mirrors = before[KEY];
  if (mirrors !== undefined && !Array.isArray(mirrors)) {
    throw cannot(`"${KEY}" in ${CONFIG_PATH} is no list; mend it first`);
  }
  const isThere = mirrors?.some((url) => String(url).replace(/\/$/, "") === mirrorUrl) === true;
  if (isThere) return undefined;
  if (Object.keys(before).length === 0)
    return `${JSON.stringify({ [KEY]: [mirrorUrl] }, null, 2)}\n`;
  const wanted = { ...before, [KEY]: [mirrorUrl, ...(mirrors ?? [])] };
  // Only the mirror is put in, so that the rest stays as the user wrote it.
  const inserted =
    mirrors === undefined
      ? content.replace("{", `{\n  "${KEY}": ["${mirrorUrl}"],`)
      : content.replace(
          new RegExp(`("${KEY}"\\s*:\\s*\\[)`),
          `$1"${mirrorUrl}"${mirrors.length > 0 ? ", " : ""}`,
        );
  const isRight = sorted(parsed(inserted)) === sorted(wanted);
  return isRight ? inserted : `${JSON.stringify(wanted, null, 2)}\n`;
}

function parsed(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw cannot(`${CONFIG_PATH} is no JSON object; mend it first`);
}

function sorted(value: Record<string, unknown>): string {
  return JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
