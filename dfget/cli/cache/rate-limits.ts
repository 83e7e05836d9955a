import type { Static } from "typebox";

import { formatByteCount } from "../../../platform/quantity.ts";
import type { DaemonLimits } from "../../daemon/api-schema.ts";
import { orNoDaemon } from "./absent-daemon.ts";
import type { LimitsConfig } from "./cache-config.ts";
import type { CacheCall } from "./run-cache.ts";

/** `dfget limits`: changes those that are named, and shows all. */
export async function showLimits(
  { client, signal, isJson, print }: CacheCall,
  { upload, download, task }: Partial<LimitsConfig>,
): Promise<void> {
  const change = {
    ...(upload === undefined ? {} : { uploadBytesPerSecond: upload }),
    ...(download === undefined ? {} : { downloadBytesPerSecond: download }),
    ...(task === undefined ? {} : { taskDownloadBytesPerSecond: task }),
  };
  const path = "/v1/limits";
  const isChange = Object.keys(change).length > 0;
  const request = isChange
    ? ({ method: "PUT", path, body: change } as const)
    : ({ method: "GET", path } as const);
  const limits = (await orNoDaemon(client.ask(request, signal))) as Static<typeof DaemonLimits>;
  if (isJson) return print(JSON.stringify(limits));
  print(`upload    ${rateText(limits.uploadBytesPerSecond)}`);
  print(`download  ${rateText(limits.downloadBytesPerSecond)}`);
  print(`task      ${rateText(limits.taskDownloadBytesPerSecond)}`);
}

function rateText(bytesPerSecond: number): string {
  return bytesPerSecond === 0 ? "no limit" : `${formatByteCount(bytesPerSecond)}/s`;
}
