import { mustRun } from "./run-command.ts";

export interface LinkBytes {
  readonly received: number;
  readonly sent: number;
}

/** Bytes that crossed one end of a link since it was made, headers included. */
export async function linkBytes(networkNamespace: string, device: string): Promise<LinkBytes> {
  const answer = await mustRun({
    command: "ip",
    args: ["-n", networkNamespace, "-s", "-j", "link", "show", "dev", device],
  });
  const [link] = JSON.parse(answer) as [
    { stats64: { rx: { bytes: number }; tx: { bytes: number } } },
  ];
  return { received: link.stats64.rx.bytes, sent: link.stats64.tx.bytes };
}
