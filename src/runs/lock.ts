import { randomUUID } from "node:crypto";
import { link, open, readFile, rename, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
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
}

/** A folder that is taken. */
export interface Lock {
  /** @throws LCError LC_STATE if a later attempt has taken it over. */
  check(): Promise<void>;
  /** Gives it back, if it is still taken by this one. */
  release(): Promise<void>;
}

/** One a process: a container's processes have the same few numbers after every start. */
const token = randomUUID();

/**
 * Takes a folder for this process. What a dead process of this machine left is taken over, and what an earlier attempt has, dead or
 * alive: it finds out by `check`. Other machines are believed to be alive.
 * @param attempt Who gives the work out counts its attempts from 1.
 * @throws LCError LC_STATE if it is taken.
 */
export async function lockFolder(folder: string, attempt = 0): Promise<Lock> {
  const path = join(folder, "lock");
  const own: Owner = {
    pid: process.pid,
    host: hostname(),
    started: await startOf(process.pid),
    token: `${token} ${randomUUID()}`,
    attempt,
  };
  const isOurs = async () => {
    const text = await readFile(path, "utf8").catch(() => "");
    return text === JSON.stringify(own);
  };
  for (;;) {
    try {
      const file = await open(path, "wx", 0o600);
      await file.writeFile(JSON.stringify(own)).finally(() => file.close());
      return {
        async check() {
          if (await isOurs()) return;
          throw new LCError("LC_STATE", `${folder} was taken over by a later attempt.`);
        },
        async release() {
          if (await isOurs()) await rm(path, { force: true });
        },
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const owner = await ownerOf(folder);
    if (owner === "none") continue;
    if (owner !== "dead" && owner.attempt >= attempt) {
      throw new LCError(
        "LC_STATE",
        `${folder} is in use by process ${owner.pid} on ${owner.host}. Wait for it or stop it; if that machine is gone, remove ${path}.`,
      );
    }
    await removeStale(path);
  }
}

/** The process that works in a folder. */
export async function ownerOf(folder: string): Promise<Owner | "none" | "dead"> {
  const text = await readFile(join(folder, "lock"), "utf8").catch(() => undefined);
  if (text === undefined) return "none";
  let owner: Owner;
  try {
    owner = JSON.parse(text) as Owner;
  } catch {
    // Killed between creating it and writing it.
    return "dead";
  }
  if (owner.host !== hostname()) return owner;
  if (owner.pid === process.pid) return owner.token.startsWith(token) ? owner : "dead";
  return alive(owner.pid) && (await startOf(owner.pid)) === owner.started ? owner : "dead";
}

/** Two that find the same stale lock must not remove the new one of the other. */
async function removeStale(path: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  const before = await readFile(path, "utf8").catch(() => undefined);
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  const taken = await readFile(aside, "utf8").catch(() => undefined);
  if (taken !== before) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
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
