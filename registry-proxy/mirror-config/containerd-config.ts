import type { MirrorWish, PlannedFile, ReadFile, RuntimePlan } from "./runtime-plan.ts";
import { cannot } from "./runtime-plan.ts";
import { TomlLines } from "./toml-lines.ts";

const CONFIG_PATH = "/etc/containerd/config.toml";
const HOSTS_FOLDER = "/etc/containerd/certs.d";

/** The tables of the registry settings by the version of the file's format. */
const REGISTRY_TABLES: Readonly<Record<number, readonly string[]>> = {
  1: ["plugins", "cri", "registry"],
  2: ["plugins", "io.containerd.grpc.v1.cri", "registry"],
  3: ["plugins", "io.containerd.cri.v1.images", "registry"],
};

/** Plans the files of containerd 1.5 and later. Throws UserError for a file that cannot be changed safely. */
export async function planContainerd(wish: MirrorWish, read: ReadFile): Promise<RuntimePlan> {
  const { major, minor } = wish.version;
  if (major < 1 || (major === 1 && minor < 5)) {
    throw cannot(
      `containerd ${major}.${minor} knows no directory of mirrors; 1.5 is the first that does`,
    );
  }
  const { file, folder } = planConfig(await read(CONFIG_PATH), major);
  const hosts = await planHosts(wish, folder, read);
  const afterwards =
    file === undefined
      ? "containerd reads the new files at its next pull."
      : "Restart containerd: systemctl restart containerd.";
  return { files: [...(file ? [file] : []), ...hosts], afterwards };
}

/** One `hosts.toml` for each registry, or one for all. */
export async function planHosts(
  { registries, mirrorUrl }: MirrorWish,
  folder: string,
  read: ReadFile,
): Promise<readonly PlannedFile[]> {
  const names = registries === "all" ? ["_default"] : registries;
  const files: PlannedFile[] = [];
  for (const name of names) {
    const path = `${folder}/${name}/hosts.toml`;
    const text = hostsText(await read(path), name, mirrorUrl);
    if (text !== undefined) files.push({ path, text });
  }
  return files;
}

function planConfig(
  text: string | undefined,
  major: number,
): { file: PlannedFile | undefined; folder: string } {
  const toml = new TomlLines(text ?? `version = ${major >= 2 ? 3 : 2}\n`);
  const isEmpty = (text ?? "").split("\n").every((line) => /^\s*(?:#|$)/.test(line));
  if (text !== undefined && isEmpty) toml.insertBefore(() => true, []);
  const said = toml.topValue("version");
  const format = said === undefined ? (isEmpty ? undefined : 1) : Number(said);
  const version = format ?? (major >= 2 ? 3 : 2);
  const table = REGISTRY_TABLES[version];
  if (!table || (version === 1 && major >= 2)) {
    throw cannot(
      `${CONFIG_PATH} has version ${version}, which containerd ${major} does not take; run "containerd config migrate" first`,
    );
  }
  for (const old of ["mirrors", "configs"]) {
    if (toml.hasTable([...table, old]) || toml.hasTableBelow([...table, old])) {
      throw cannot(
        `${CONFIG_PATH} has registry.${old}, which cannot stand beside a directory of mirrors; move it to ${HOSTS_FOLDER} first`,
      );
    }
  }
  const before = toml.value(table, "config_path")?.replaceAll(/^["']|["']$/g, "") ?? "";
  // Several directories in one text are taken for one path by the transfer service of containerd 2.2 and later.
  if (before !== "" && !before.includes(":")) return { file: undefined, folder: before };
  const folder = before === "" ? HOSTS_FOLDER : before.split(":", 1)[0]!;
  if (said === undefined && isEmpty && text !== undefined) toml.append([`version = ${version}`]);
  toml.setValue(table, "config_path", `"${folder}"`);
  return { file: { path: CONFIG_PATH, text: toml.toString() }, folder };
}

/** The text of a registry's file with the mirror in it; undefined where it is there already. */
function hostsText(
  text: string | undefined,
  registry: string,
  mirrorUrl: string,
): string | undefined {
  const toml = new TomlLines(text ?? (registry === "_default" ? "" : serverLine(registry)));
  if (toml.hasTable(["host", mirrorUrl])) return undefined;
  const table = [`[host."${mirrorUrl}"]`, `  capabilities = ["pull", "resolve"]`];
  // Hosts are asked in the order in which they stand.
  toml.insertBefore(([first]) => first === "host", table);
  return toml.toString();
}

function serverLine(registry: string): string {
  const host = registry === "docker.io" ? "registry-1.docker.io" : registry;
  return `server = "https://${host}"\n`;
}
