import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as turn } from "node:timers/promises";

/** Milliseconds between two looks at the event loop. */
const RESOLUTION = 5;

/** The longest time in ms for which `body` kept the event loop from turning. */
export async function longestBlock(body: () => Promise<unknown>): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION });
  delay.enable();
  // The monitor's timer must run twice before, and once after, or a block has no begin or no end.
  await turn(4 * RESOLUTION);
  await body();
  await turn(2 * RESOLUTION);
  delay.disable();
  return delay.max / 1e6 - RESOLUTION;
}

/** The same, the least of at most ten times: other processes may delay one, a block of `body`'s own comes back. */
export async function repeatedBlock(body: () => Promise<unknown>, limit: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let times = 0; times < 10 && least > limit; times++) {
    least = Math.min(least, await longestBlock(body));
  }
  return least;
}
