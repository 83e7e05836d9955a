import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { TaskId } from "../protocol/task-id.ts";
import { parseTaskId } from "../protocol/task-id.ts";

/** Where the file of a task lies below the folder of tasks: `<first 2 hex digits>/<kind>-<hex>`. */
export function taskFilePath(taskId: TaskId): string {
  const hexStart = taskId.indexOf(":") + 1;
  return join(taskId.slice(hexStart, hexStart + 2), taskId.replace(":", "-"));
}

/** The task whose file has that name; undefined for a file that is none of ours. */
function fileTaskId(folderName: string, fileName: string): TaskId | undefined {
  const taskId = parseTaskId(fileName.replace("-", ":"));
  return taskId !== undefined && taskFilePath(taskId) === join(folderName, fileName)
    ? taskId
    : undefined;
}

/** Every task that has a file. Files and folders that are not ours are passed over. */
export async function listTaskFiles(tasksDir: string): Promise<Set<TaskId>> {
  const found = new Set<TaskId>();
  for (const folder of await readdir(tasksDir, { withFileTypes: true })) {
    if (!folder.isDirectory() || !/^[0-9a-f]{2}$/.test(folder.name)) continue;
    for (const file of await readdir(join(tasksDir, folder.name), { withFileTypes: true })) {
      const taskId = file.isFile() ? fileTaskId(folder.name, file.name) : undefined;
      if (taskId !== undefined) found.add(taskId);
    }
  }
  return found;
}
