import { fstatSync } from "node:fs";

/**
 * Stands for the state of a file: it changes when somebody writes to it. What a disk forgets by itself leaves no trace here.
 * Asks the open file, so that no disk is waited for.
 */
export function fileStamp(fd: number): string {
  const { mtimeNs, size } = fstatSync(fd, { bigint: true });
  return `${mtimeNs}:${size}`;
}

/** Whether a file has a name besides the store's, under which somebody else may write to it, and reads what we write. */
export function hasOtherName(fd: number): boolean {
  return fstatSync(fd).nlink > 1;
}
