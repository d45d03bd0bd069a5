import { setImmediate } from "node:timers/promises";

/** How long other events wait for work on their thread, in ms. Far from the 50 ms people notice: a piece may take longer. */
const SLICE_MS = 10;

/** Numbers handled between two rests: copied, tested or summed in a millisecond or less. */
export const BAND: number = 2 ** 17;

/** To be awaited between pieces of long work, each of a millisecond or so. */
export type Rest = () => Promise<void> | undefined;

/** One clock for all work on this thread, as many short pieces of it keep other events out like a long one. */
let start = performance.now();

/** Lets other events in, if none was for a while. */
export const rest: Rest = () => {
  if (performance.now() - start < SLICE_MS) return undefined;
  return setImmediate().then(() => {
    start = performance.now();
  });
};

/** What a generator of pieces of work returns in the end, with a rest between any two. */
export async function resting<Result>(pieces: Generator<void, Result>): Promise<Result> {
  for (;;) {
    const { done, value } = pieces.next();
    if (done) return value;
    await rest();
  }
}

/** The same without rests. */
export function atOnce<Result>(pieces: Generator<void, Result>): Result {
  for (;;) {
    const { done, value } = pieces.next();
    if (done) return value;
  }
}
