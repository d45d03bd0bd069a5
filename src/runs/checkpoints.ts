import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DamagedError } from "../lc/container.ts";
import { decodeStateSlowly, encodeStateSlowly, type LCState } from "../lc/state.ts";
import { type Disk, disk, writeDurably } from "./durable.ts";

/** Newest checkpoints that are kept, besides the best. */
const KEPT = 3;

/** A checkpoint that can be read. */
export interface Found {
  readonly file: string;
  readonly state: LCState;
}

/** One that cannot, and why. */
export interface Damaged {
  readonly file: string;
  readonly message: string;
}

/** The saved states of one run: `000000.state`, `000001.state`, … in a folder of their own. */
export interface Checkpoints {
  /** Newest first. */
  list(): Promise<string[]>;
  /**
   * Writes the next one, then removes those that `newest` found damaged, and of the others all but the newest three and `best`.
   * @returns Its file name.
   * @throws LCError LC_DISK; those before are kept.
   */
  save(state: LCState, best: string | undefined): Promise<string>;
  /** @throws DamagedError; LCError LC_STATE for another format; what the file system says. */
  read(file: string): Promise<LCState>;
  /**
   * The newest that is whole, and what is wrong with those after it.
   * @throws LCError LC_STATE for one of another format; what the file system says: a file that cannot be read now is not damaged.
   */
  newest(): Promise<{ readonly found: Found | undefined; readonly damaged: readonly Damaged[] }>;
}

export function checkpoints(folder: string, on: Disk = disk): Checkpoints {
  /** Files that `newest` found damaged. */
  const broken = new Set<string>();
  const self: Checkpoints = {
    async list() {
      const files = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return [];
        throw error;
      });
      return files
        .filter((file) => /^\d+\.state$/.test(file))
        .sort()
        .reverse();
    },
    async save(state, best) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const before = await self.list();
      const next = before[0] === undefined ? 0 : Number.parseInt(before[0], 10) + 1;
      const file = `${String(next).padStart(6, "0")}.state`;
      await writeDurably(join(folder, file), await encodeStateSlowly(state), on);
      const whole = before.filter((old) => !broken.has(old));
      for (const old of [...broken, ...whole.slice(KEPT - 1)]) {
        if (old !== best) await on.remove(join(folder, old));
      }
      broken.clear();
      return file;
    },
    async read(file) {
      return decodeStateSlowly(await readFile(join(folder, file)));
    },
    async newest() {
      const damaged: Damaged[] = [];
      for (const file of await self.list()) {
        try {
          return { found: { file, state: await self.read(file) }, damaged };
        } catch (error) {
          if (!(error instanceof DamagedError)) throw error;
          broken.add(file);
          damaged.push({ file, message: error.message });
        }
      }
      return { found: undefined, damaged };
    },
  };
  return self;
}
