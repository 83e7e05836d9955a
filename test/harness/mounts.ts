import { runCommand } from "./run-command.ts";

/** Takes away every mount below a path, the innermost first. */
export async function unmountUnder(path: string): Promise<void> {
  const { stdout } = await runCommand({ command: "findmnt", args: ["-rno", "TARGET"] });
  const mounts = stdout.split("\n").filter((mount) => mount.startsWith(`${path}/`));
  for (const mount of mounts.toReversed())
    await runCommand({ command: "umount", args: ["-l", mount] });
}
