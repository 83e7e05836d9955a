import type { MirrorWish, ReadFile, RuntimePlan } from "./runtime-plan.ts";
import { cannot } from "./runtime-plan.ts";

const CONFIG_PATH = "/etc/containers/registries.conf";
const OWN_PATH = "/etc/containers/registries.conf.d/50-darter.conf";
const HEAD = "# Made by `registry-proxy configure`; `--undo` takes it away.\n";

/**
 * Plans the file of podman, buildah, skopeo and CRI-O, which is all ours. They have no way to name all registries, and do not tell a mirror
 * which one they mean, so its name stands in the mirror's path. Throws UserError where another file has
 * settings for a registry, which a second entry would replace.
 */
export async function planContainers(
  { registries, mirrorUrl }: MirrorWish,
  read: ReadFile,
  runtime: "podman" | "crio",
): Promise<RuntimePlan> {
  if (registries === "all") {
    throw cannot(`${runtime} has no mirror for all registries; name each by --registry`);
  }
  const others = (await read(CONFIG_PATH)) ?? "";
  for (const registry of registries) {
    if (settingsFor(others).includes(registry)) {
      throw cannot(
        `${CONFIG_PATH} has settings for ${registry} already, which an entry of ours would replace; add the mirror there by hand`,
      );
    }
  }
  const before = await read(OWN_PATH);
  const names = [...new Set([...settingsFor(before ?? ""), ...registries])];
  const text = HEAD + names.map((name) => entry(name, mirrorUrl)).join("");
  const afterwards =
    runtime === "crio"
      ? "Let CRI-O read the file: systemctl reload crio."
      : "podman, buildah and skopeo read the file at their next pull.";
  return { files: text === before ? [] : [{ path: OWN_PATH, text }], afterwards };
}

/** The registries that a file has settings for. */
function settingsFor(text: string): string[] {
  const tables = text.split(/^\s*\[\[registry\]\]/m).slice(1);
  return tables.flatMap((table) => {
    const own = table.split(/^\s*\[\[/m, 1)[0]!;
    const name =
      /^\s*prefix\s*=\s*"([^"]+)"/m.exec(own) ?? /^\s*location\s*=\s*"([^"]+)"/m.exec(own);
    return name ? [name[1]!] : [];
  });
}

function entry(registry: string, mirrorUrl: string): string {
  const { host } = new URL(mirrorUrl);
  return [
    "",
    "[[registry]]",
    `prefix = "${registry}"`,
    `location = "${registry}"`,
    "[[registry.mirror]]",
    // A path takes no colon.
    `location = "${host}/${registry.replace(/:(\d+)$/, "_$1")}"`,
    "insecure = true",
    "",
  ].join("\n");
}
