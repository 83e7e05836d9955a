import { readdir, rename, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory } from "../platform/make-directory.ts";
import { EXIT, UserError } from "../platform/user-error.ts";
import type { TaskId } from "../protocol/task-id.ts";
import { parseTaskId } from "../protocol/task-id.ts";

/**
 * Where the file of a task lies below the folder of tasks: `<kind>-<hex>`, all in one folder. File systems find a name among a
 * million at once, but put each folder somewhere else on the disk: to spread files over many of them makes each dearer by far.
 */
export function taskFilePath(taskId: TaskId): string {
  return taskId.replace(":", "-");
}

/** The task whose file has that name; undefined for a file that is none of ours. */
function fileTaskId(fileName: string): TaskId | undefined {
  const taskId = parseTaskId(fileName.replace("-", ":"));
  return taskId !== undefined && taskFilePath(taskId) === fileName ? taskId : undefined;
}

/**
 * Every task that has a file. Files and folders that are not ours are passed over; what an earlier release has put into folders named by two
 * hex digits is taken out of them.
 */
export async function listTaskFiles(tasksDir: string): Promise<Set<TaskId>> {
  const found = new Set<TaskId>();
  for (const entry of await readdir(tasksDir, { withFileTypes: true })) {
    if (entry.isDirectory() && /^[0-9a-f]{2}$/.test(entry.name)) {
      for (const taskId of await emptyFolder(tasksDir, entry.name)) found.add(taskId);
    }
    const taskId = entry.isFile() ? fileTaskId(entry.name) : undefined;
    if (taskId !== undefined) found.add(taskId);
  }
  return found;
}

/** Takes the files of tasks out of a folder, and removes it when nothing is left in it. */
async function emptyFolder(tasksDir: string, folderName: string): Promise<TaskId[]> {
  const moved: TaskId[] = [];
  const folder = join(tasksDir, folderName);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const taskId = entry.isFile() ? fileTaskId(entry.name) : undefined;
    if (taskId === undefined) continue;
    await rename(join(folder, entry.name), join(tasksDir, taskFilePath(taskId)));
    moved.push(taskId);
  }
  // What somebody else put there stays.
  await rmdir(folder).catch(() => undefined);
  return moved;
}

/** Makes the folder of the tasks of a data directory. Throws UserError (local file). */
export async function makeTasksDirectory(path: string, dataDir: string): Promise<void> {
  try {
    await makeDirectory(path);
  } catch (error) {
    const reason = (error as Error).message;
    throw new UserError(
      EXIT.localFile,
      `the data directory ${dataDir} cannot be made: ${reason}; repair it or choose another one with --data-dir`,
      error,
    );
  }
}
