import { createHash, randomUUID } from "node:crypto";
import { link, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { LCError } from "../errors.ts";

/** Who works in a folder. */
export interface Owner {
  readonly pid: number;
  readonly host: string;
  /** When the process started, in ticks since the boot, where the system tells; a process number can come back. */
  readonly started: string | null;
  readonly token: string;
  /** Which attempt at the work it is, counted by whoever gives the work out; 0 where nobody does. */
  readonly attempt: number;
  /** When it took the folder, in ISO 8601. */
  readonly since: string;
}

/** A folder that is taken. */
export interface Lock {
  readonly owner: Owner;
  /** @throws LCError LC_STATE if a later attempt has taken it over. */
  check(): Promise<void>;
  /** Gives it back, if it is still taken by this one. */
  release(): Promise<void>;
}

/** One a process: a container's processes have the same few numbers after every start. */
const token = randomUUID();

/** Somebody else removes a stale lock meanwhile: that takes milliseconds. */
const [RETRY_MS, RETRIES] = [20, 500];

/**
 * Takes a folder for this process. What a dead process of this machine left is taken over, and what an earlier attempt has, dead or
 * alive: it finds out by `check`. Other machines are believed to be alive.
 *
 * A lock appears whole, by a link to a file that is written, and is removed under a marker: a second such link, named after
 * what the lock says, which nobody else ever says. So while a process has the marker, nobody else removes that lock, and none that
 * another has put in its place is removed. A marker whose process has died is itself removed in that way.
 * @param attempt Who gives the work out counts its attempts from 1.
 * @throws LCError LC_STATE if it is taken; LC_DISK if the file system has no hard links.
 */
export async function lockFolder(folder: string, attempt = 0): Promise<Lock> {
  const path = join(folder, "lock");
  const owner: Owner = {
    pid: process.pid,
    host: hostname(),
    started: await startOf(process.pid),
    token: `${token} ${randomUUID()}`,
    attempt,
    since: new Date().toISOString(),
  };
  const text = JSON.stringify(owner);
  for (let retry = 0; ; ) {
    if (await linkTo(path, text)) break;
    const held = await textOf(path);
    if (held === undefined) continue;
    const holder = await ownerIn(held);
    if (holder !== "dead" && holder.attempt >= attempt) {
      throw new LCError(
        "LC_STATE",
        `${folder} is in use by process ${holder.pid} on ${holder.host}. Wait for it or stop it; if that machine is gone, remove ${path}.`,
      );
    }
    if (await removeThat(path, held, text)) continue;
    if (retry++ < RETRIES) await wait(RETRY_MS);
    else {
      throw new LCError(
        "LC_STATE",
        `${folder} is being taken over by another process, which does not end. If its machine is gone, remove the files lock.* in that folder.`,
      );
    }
  }
  await removeLeftOvers(folder);
  return {
    owner,
    async check() {
      if ((await textOf(path)) === text) return;
      throw new LCError("LC_STATE", `${folder} was taken over by a later attempt.`);
    },
    async release() {
      // If a later attempt removes it meanwhile, that is as good. The marker must not say what it is named after.
      const leaving = JSON.stringify({ ...owner, token: `${token} ${randomUUID()}` });
      if ((await textOf(path)) === text) await removeThat(path, text, leaving);
    },
  };
}

/** The process that works in a folder. */
export async function ownerOf(folder: string): Promise<Owner | "none" | "dead"> {
  const text = await textOf(join(folder, "lock"));
  return text === undefined ? "none" : ownerIn(text);
}

async function ownerIn(text: string): Promise<Owner | "dead"> {
  let owner: Owner;
  try {
    owner = JSON.parse(text) as Owner;
  } catch {
    // Not whole: the machine lost it.
    return "dead";
  }
  if (owner.host !== hostname()) return owner;
  if (owner.pid === process.pid) return owner.token.startsWith(token) ? owner : "dead";
  return alive(owner.pid) && (await startOf(owner.pid)) === owner.started ? owner : "dead";
}

/** Makes `path` a file that says `text`, as one piece. @returns Whether there was none. */
async function linkTo(path: string, text: string): Promise<boolean> {
  const written = `${path}.${randomUUID()}.new`;
  await writeFile(written, text, { flag: "wx", mode: 0o600 });
  try {
    await link(written, path);
    return true;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // Over a network the answer to a link that was made can get lost.
    if (code === "EEXIST") return (await textOf(path)) === text;
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS") throw error;
    throw new LCError(
      "LC_DISK",
      `cannot lock the folder of ${path}: ${message}. Choose one on a file system with hard links.`,
      { cause: error },
    );
  } finally {
    await rm(written, { force: true });
  }
}

/** Removes the file at `path` if it says `said`. @returns Whether it says that no more; false: another process is at it. */
async function removeThat(path: string, said: string, own: string): Promise<boolean> {
  const hash = createHash("sha256").update(said).digest("hex").slice(0, 32);
  const marker = path.replace(/lock(\.[0-9a-f]{32})?$/, `lock.${hash}`);
  if (!(await linkTo(marker, own))) {
    const holder = await textOf(marker);
    // Where its process was killed, the marker is as stale as the lock.
    if (holder !== undefined && (await ownerIn(holder)) === "dead") {
      await removeThat(marker, holder, own);
    }
    return (await textOf(path)) !== said;
  }
  try {
    if ((await textOf(path)) === said) await rm(path, { force: true });
    return true;
  } finally {
    await rm(marker, { force: true });
  }
}

/** What killed processes left: of locks that are gone for ever, as this process has the folder. */
async function removeLeftOvers(folder: string): Promise<void> {
  for (const file of await readdir(folder)) {
    if (!/^lock\.[0-9a-f.-]+(new)?$/.test(file)) continue;
    const text = await textOf(join(folder, file));
    if (text?.endsWith("}") && (await ownerIn(text)) === "dead") {
      await rm(join(folder, file), { force: true });
    }
  }
}

async function textOf(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

async function startOf(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The name, second, is in brackets and may hold anything; the start is field 22.
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
}
