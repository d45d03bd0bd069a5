import { setImmediate } from "node:timers/promises";

/** How long other events wait for a slice of long work, in ms. Far from the 50 ms people notice: a slice may overrun. */
const SLICE_MS = 10;

/** Numbers handled between two rests: copied, tested or summed in a millisecond or less. */
export const BAND: number = 2 ** 17;

/** To be awaited between pieces of long work, each of a millisecond or so. */
export type Rest = () => Promise<void> | undefined;

/** Long work on the caller's thread in slices: lets other events in when the slice has been long enough. */
export function slices(): Rest {
  let start = performance.now();
  return () => {
    if (performance.now() - start < SLICE_MS) return undefined;
    return setImmediate().then(() => {
      start = performance.now();
    });
  };
}
