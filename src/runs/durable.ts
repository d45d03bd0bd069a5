import { type FileHandle, open, readdir, rename, rm, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { LCError } from "../errors.ts";

/** What writing a file for good needs of the file system. */
export interface Disk {
  /** Creates the file, which must not be there, for its owner only. */
  create(path: string): Promise<Pick<FileHandle, "write" | "sync" | "close">>;
  /** Opens the file to write at its end, and creates it for its owner only if it is not there. */
  append(path: string): Promise<Pick<FileHandle, "write" | "sync" | "close" | "stat">>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes names in a folder last. */
  syncFolder(path: string): Promise<void>;
}

export const disk: Disk = {
  create: (path) => open(path, "wx", 0o600),
  append: (path) => open(path, "a", 0o600),
  rename,
  remove: (path) => rm(path, { force: true }),
  async syncFolder(path) {
    // Windows has no handle on a folder; a rename is in its journal.
    if (process.platform === "win32") return;
    const handle = await open(path, "r");
    await handle.sync().finally(() => handle.close());
  },
};

/**
 * Replaces a file as one piece: whoever reads it, whenever the process or the machine stops, finds the old bytes or the new
 * ones. Written beside it, synced, renamed, and the folder synced.
 * @throws LCError LC_DISK with the bytes needed and free; the file before is still there.
 */
export async function writeDurably(
  path: string,
  bytes: Uint8Array,
  { create, rename, remove, syncFolder }: Disk = disk,
): Promise<void> {
  const part = `${path}.${process.pid}.part`;
  try {
    // Left by a process of the same number that was killed.
    await remove(part);
    const file = await create(part);
    try {
      await writeAll(file, bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await remove(part).catch(() => undefined);
    throw await diskError(path, bytes.length, cause);
  }
}

/** Writes all bytes, in as many pieces as the system takes them. */
export async function writeAll(file: Pick<FileHandle, "write">, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += (await file.write(bytes, at, bytes.length - at)).bytesWritten;
  }
}

/** Removes what writers of a folder left when they were killed; nobody may be writing there. */
export async function removeParts(folder: string): Promise<void> {
  const files = await readdir(folder).catch(() => []);
  const parts = files.filter((file) => /\.\d+\.part$/.test(file));
  await Promise.all(parts.map((file) => rm(join(folder, file), { force: true })));
}

/** LC_DISK with the bytes needed and free. */
export async function diskError(path: string, needed: number, cause: unknown): Promise<LCError> {
  const free = await statfs(dirname(path)).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => undefined,
  );
  const room = free === undefined ? "" : `, ${free} are free there`;
  return new LCError(
    "LC_DISK",
    `cannot write ${path}: ${(cause as Error).message}. It needs ${needed} bytes${room}. What was saved before is kept; free some space, or choose another folder, and go on.`,
    { cause },
  );
}
