import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeState, encodeState, type LCState } from "../lc/state.ts";
import { type Disk, disk, writeDurably } from "./durable.ts";

/** Newest checkpoints that are kept, besides the best. */
const KEPT = 3;

/** A checkpoint that can be read, and those after it that cannot. */
export interface Found {
  readonly file: string;
  readonly state: LCState;
}

/** The saved states of one run: `000000.state`, `000001.state`, … in a folder of their own. */
export interface Checkpoints {
  /** Newest first. */
  list(): Promise<string[]>;
  /**
   * Writes the next one, then removes all but the newest three and `best`.
   * @returns Its file name.
   * @throws LCError LC_DISK; those before are kept.
   */
  save(state: LCState, best: string | undefined): Promise<string>;
  /** @throws LCError LC_STATE if it is damaged. */
  read(file: string): Promise<LCState>;
  /** The newest that can be read, and what is wrong with those after it. */
  newest(): Promise<{ readonly found: Found | undefined; readonly damaged: readonly string[] }>;
}

export function checkpoints(folder: string, on: Disk = disk): Checkpoints {
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
      await writeDurably(join(folder, file), encodeState(state), on);
      for (const old of before.slice(KEPT - 1)) {
        if (old !== best) await on.remove(join(folder, old));
      }
      return file;
    },
    async read(file) {
      return decodeState(await readFile(join(folder, file)));
    },
    async newest() {
      const damaged: string[] = [];
      for (const file of await self.list()) {
        try {
          return { found: { file, state: await self.read(file) }, damaged };
        } catch (error) {
          damaged.push(`${file}: ${(error as Error).message}`);
        }
      }
      return { found: undefined, damaged };
    },
  };
  return self;
}
