import { type Disk, disk } from "../../src/runs/durable.ts";

/** An error as the file system throws it. */
export const failure = (code: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`${code}: made by the test`), { code });

/** A disk on which one operation of the K-th file fails. */
export function failingDisk(
  where: "write" | "sync" | "rename" | "folder",
  code: string,
  at: number,
): Disk {
  let files = -1;
  const fails = (what: string): boolean => what === where && files === at;
  return {
    ...disk,
    async create(path) {
      files++;
      const file = await disk.create(path);
      return {
        write: async (...args: Parameters<typeof file.write>) => {
          if (fails("write")) throw failure(code);
          return file.write(...args);
        },
        sync: async () => {
          if (fails("sync")) throw failure(code);
          return file.sync();
        },
        close: () => file.close(),
      } as unknown as typeof file;
    },
    async rename(from, to) {
      if (fails("rename")) throw failure(code);
      return disk.rename(from, to);
    },
    async syncFolder(path) {
      if (fails("folder")) throw failure(code);
      return disk.syncFolder(path);
    },
  };
}
