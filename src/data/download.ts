import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdir, readdir, rename, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LCError } from "../errors.ts";
import { cacheFolder } from "./folders.ts";
import { type PublishedFile, type Release, releases } from "./releases.ts";
import { MirrorFailure, transfer } from "./transfer.ts";

export interface DownloadProgress {
  readonly file: string;
  /** Bytes of the file that are there, also those of an earlier, interrupted download. */
  readonly received: number;
  /** Bytes of the whole file. */
  readonly total: number;
}

export interface DownloadOptions {
  /** Where the files go; default the data set's folder in the cache (`$LCLAB_CACHE`, or the platform's). */
  readonly folder?: string;
  /** Base addresses to try in this order instead of the known ones. */
  readonly mirrors?: readonly string[];
  /** Called at the start of each file and after each piece. */
  readonly progress?: (progress: DownloadProgress) => void;
  /** Stops the download; what is there stays, and the next call goes on from it. */
  readonly signal?: AbortSignal;
  /** How often the list of mirrors is gone through; default 3. */
  readonly rounds?: number;
  /** Pause before the second round, doubled before each later one; default 1000. */
  readonly pauseMs?: number;
  /** A connection silent for so long is given up; default 30000. */
  readonly timeoutMs?: number;
}

/**
 * Fetches the files of MNIST or Fashion-MNIST that are not in the folder yet, and gives the folder. Each file is
 * written beside its place (`….part`), checked against its SHA-256 and then renamed, so a file under its name is whole.
 * An interrupted download goes on where it stopped. A file that is already there is checked and never overwritten.
 * @throws LCError LC_DATA if no mirror delivers a file (says which file to put where), if a file that is there is not
 * the published one, or if the folder cannot be written.
 */
export async function download(
  name: keyof typeof releases,
  options: DownloadOptions = {},
): Promise<string> {
  if (!Object.hasOwn(releases, name)) {
    const known = Object.keys(releases).join(" and ");
    throw new RangeError(`download: knows ${known}, got ${JSON.stringify(name)}.`);
  }
  return downloadRelease(releases[name], options);
}

/** `download` for any release. */
export async function downloadRelease(
  release: Release,
  options: DownloadOptions = {},
): Promise<string> {
  const folder = options.folder ?? join(cacheFolder(), release.folder);
  try {
    await mkdir(folder, { recursive: true });
    for (const file of release.files) {
      options.signal?.throwIfAborted();
      const path = join(folder, file.name);
      // Unpacked by hand is fine too; the reader checks its length.
      if (!existsSync(path) && existsSync(path.replace(/\.gz$/, ""))) continue;
      if (existsSync(path)) await checkPresent(path, file);
      else await fetchFile(file, folder, release, options);
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!code || error instanceof LCError || !("syscall" in (error as object))) throw error;
    const advice =
      code === "ENOSPC"
        ? "The disk is full; what was fetched is kept."
        : "Give another folder, or set LCLAB_CACHE.";
    throw new LCError("LC_DATA", `download: cannot write to ${folder}: ${message}. ${advice}`, {
      cause: error,
    });
  }
  return folder;
}

async function checkPresent(path: string, file: PublishedFile): Promise<void> {
  const found = await sha256(path);
  if (found === file.sha256) return;
  throw new LCError(
    "LC_DATA",
    `download: ${path} is there but is not the published file: its SHA-256 must be ${file.sha256}, got ${found}. Delete it to fetch it again.`,
  );
}

async function fetchFile(
  file: PublishedFile,
  folder: string,
  release: Release,
  options: DownloadOptions,
): Promise<void> {
  const { progress, signal, rounds = 3, pauseMs = 1000, timeoutMs = 30_000 } = options;
  const part = await claimPart(folder, file.name);
  const received = (bytes: number): void =>
    progress?.({ file: file.name, received: bytes, total: file.bytes });
  let mirrors = (options.mirrors ?? release.mirrors).map((base) => base.replace(/\/+$/, ""));
  const failures = new Map<string, MirrorFailure>();
  try {
    for (let round = 0; round < rounds && mirrors.length > 0; round++) {
      if (round > 0) await sleep(pauseMs * 2 ** (round - 1), undefined, signal ? { signal } : {});
      for (const mirror of mirrors) {
        try {
          const url = `${mirror}/${file.name}`;
          await transferChecked(url, file, part, {
            received,
            timeoutMs,
            ...(signal && { signal }),
          });
          await rename(part, join(folder, file.name));
          return;
        } catch (error) {
          signal?.throwIfAborted();
          if (!(error instanceof MirrorFailure)) throw error;
          failures.set(mirror, error);
        }
      }
      mirrors = mirrors.filter((mirror) => !failures.get(mirror)?.hopeless);
    }
  } finally {
    // Under its common name the next call finds it and goes on.
    if (existsSync(part)) {
      if ((await stat(part)).size === 0) await unlink(part);
      else await rename(part, join(folder, `${file.name}.part`));
    }
  }
  const tried = [...failures].map(([mirror, { message }]) => `${mirror} ${message}`).join("; ");
  throw new LCError(
    "LC_DATA",
    `download: could not fetch ${file.name} (${file.bytes} bytes): ${tried}. Without a network, put the file at ${join(folder, file.name)} by hand (SHA-256 ${file.sha256}); the set needs ${release.files.map((f) => f.name).join(", ")} there.`,
    { cause: [...failures.values()].at(-1) },
  );
}

/** One transfer and its checksum. A part that was put together from two transfers gets a second, whole one. */
async function transferChecked(
  url: string,
  file: PublishedFile,
  part: string,
  options: Parameters<typeof transfer>[3],
): Promise<void> {
  for (;;) {
    const resumed = await transfer(url, file, part, options);
    const found = await sha256(part);
    if (found === file.sha256) return;
    await unlink(part);
    if (resumed) continue;
    const message = `sends another file: SHA-256 ${found} instead of ${file.sha256}`;
    throw new MirrorFailure(message, { hopeless: true });
  }
}

let claims = 0;

/**
 * The path this call alone writes to. What an earlier one left is taken over by renaming it, which only one of several
 * processes can do; a part of a process that still runs stays with it.
 */
async function claimPart(folder: string, name: string): Promise<string> {
  const own = join(folder, `${name}.part-${process.pid}-${claims++}`);
  for (const entry of await readdir(folder)) {
    if (!entry.startsWith(`${name}.part`)) continue;
    const owner = /\.part-(\d+)-\d+$/.exec(entry)?.[1];
    if (owner && runs(Number(owner))) continue;
    try {
      await rename(join(folder, entry), own);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return own;
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest("hex");
}
