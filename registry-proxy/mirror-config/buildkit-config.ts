import type { MirrorWish, ReadFile, RuntimePlan } from "./runtime-plan.ts";
import { cannot } from "./runtime-plan.ts";
import { TomlLines } from "./toml-lines.ts";

const CONFIG_PATH = "/etc/buildkit/buildkitd.toml";

/** Plans the file of BuildKit. Throws UserError for what it cannot do. */
export async function planBuildkit(wish: MirrorWish, read: ReadFile): Promise<RuntimePlan> {
  const { registries } = wish;
  if (registries === "all") {
    throw cannot("BuildKit has no mirror for all registries; name each by --registry");
  }
  const before = await read(CONFIG_PATH);
  const toml = new TomlLines(before ?? "");
  const { host } = new URL(wish.mirrorUrl);
  for (const name of registries) {
    const table = ["registry", name];
    const mirrors = toml.value(table, "mirrors");
    if (mirrors?.includes(`"${host}"`) === true) continue;
    if (mirrors !== undefined && !/^\[.*\]$/.test(mirrors)) {
      throw cannot(
        `the mirrors of ${name} in ${CONFIG_PATH} stand on several lines; put them on one`,
      );
    }
    const others = mirrors?.slice(1, -1).trim() ?? "";
    toml.setValue(table, "mirrors", `["${host}"${others === "" ? "" : `, ${others}`}]`);
  }
  if (toml.value(["registry", host], "http") !== "true") {
    toml.setValue(["registry", host], "http", "true");
  }
  const text = toml.toString();
  return {
    files: text === before ? [] : [{ path: CONFIG_PATH, text }],
    afterwards: "Restart buildkitd: systemctl restart buildkit.",
  };
}
