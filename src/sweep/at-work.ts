import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { ownerOf } from "../runs/lock.ts";
import { files } from "./folder.ts";
import type { SweepResult } from "./result.ts";
import { openSweep } from "./sweep.ts";

/** Sweeps with a supervisor at work in `folder` and up to three folders below, `.lclab` too; what cannot be read is passed over. */
export async function sweepsAtWork(folder: string, levels = 3): Promise<SweepResult[]> {
  const inside = await readdir(folder, { withFileTypes: true }).catch(() => []);
  if (inside.some(({ name }) => name === files.spec)) {
    const owner = await ownerOf(folder).catch(() => "none" as const);
    if (owner === "none" || owner === "dead") return [];
    return openSweep(folder).then(
      (found) => [found],
      () => [],
    );
  }
  if (levels === 0) return [];
  const below = inside.filter(
    (entry) =>
      entry.isDirectory() &&
      (!entry.name.startsWith(".") || entry.name === ".lclab") &&
      entry.name !== "node_modules",
  );
  return (
    await Promise.all(below.map(({ name }) => sweepsAtWork(join(folder, name), levels - 1)))
  ).flat();
}
