import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pointFolder } from "./folder.ts";

const file = (dir: string, id: string): string => join(pointFolder(dir, id), "stop");

/** How often a worker looks. */
const LOOK_MS = 1000;

/** Asks an attempt at a point to stop after its minibatch, wherever it runs. */
export async function askToStop(dir: string, id: string, attempt: number): Promise<void> {
  // It may not have begun.
  await mkdir(pointFolder(dir, id), { recursive: true });
  await writeFile(file(dir, id), String(attempt));
}

/** Aborts when the attempt is asked to stop. */
export function stopAsked(
  dir: string,
  id: string,
  attempt: number,
): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const timer = setInterval(async () => {
    const text = await readFile(file(dir, id), "utf8").catch(() => "");
    if (Number(text) >= attempt) controller.abort();
  }, LOOK_MS);
  timer.unref();
  return { signal: controller.signal, release: () => clearInterval(timer) };
}
