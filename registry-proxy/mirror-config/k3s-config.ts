import { Document, parseDocument } from "yaml";

import type { MirrorWish, ReadFile, RuntimePlan } from "./runtime-plan.ts";
import { cannot } from "./runtime-plan.ts";

const CONFIG_PATH = "/etc/rancher/k3s/registries.yaml";

/** Plans the file of k3s and RKE2. Throws UserError for a file that is no YAML mapping. */
export async function planK3s(wish: MirrorWish, read: ReadFile): Promise<RuntimePlan> {
  const before = await read(CONFIG_PATH);
  const document = before === undefined ? new Document({}) : parseDocument(before);
  const content = document.toJS() as unknown;
  if (document.errors.length > 0 || (content !== null && typeof content !== "object")) {
    throw cannot(`${CONFIG_PATH} is no YAML mapping; mend it first`);
  }
  const { mirrorUrl } = wish;
  let isChanged = false;
  for (const name of wish.registries === "all" ? ["*"] : wish.registries) {
    const path = ["mirrors", name, "endpoint"];
    const mirrors = (
      document.toJS() as { mirrors?: Record<string, { endpoint?: string[] }> } | null
    )?.mirrors;
    const endpoints = mirrors?.[name]?.endpoint ?? [];
    if (endpoints.includes(mirrorUrl)) continue;
    document.setIn(path, [mirrorUrl, ...endpoints]);
    isChanged = true;
  }
  const files = isChanged ? [{ path: CONFIG_PATH, text: document.toString() }] : [];
  return { files, afterwards: "Restart k3s: systemctl restart k3s (or k3s-agent)." };
}
