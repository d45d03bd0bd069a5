import os from "node:os";
import { LCError } from "../errors.ts";

/**
 * Refuses what cannot fit: more bytes than the machine has, or than the container of this process may use. What other
 * processes use now is not counted, for they may end.
 * @throws LCError LC_MEMORY
 */
export function checkMachine(
  who: string,
  what: string,
  bytes: number,
  needed: string,
  remedy = "Use a smaller batch, fewer examples, or a larger machine.",
): void {
  const machine = os.totalmem();
  const limit = Math.min(machine, process.constrainedMemory() || machine);
  if (bytes <= limit) return;
  const place = limit < machine ? "the container" : "the machine";
  throw new LCError(
    "LC_MEMORY",
    `${who}: ${what} needs ${needed}, ${place} has ${(limit / 2 ** 20).toFixed(1)} MiB. ${remedy}`,
  );
}
