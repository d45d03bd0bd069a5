/**
 * Peak memory of one C step, in float64 arrays of the number of weights:
 *
 *     cstep_memory.ts SPEC COUNT
 */
import { fromSpec } from "../../src/compression/from-spec.ts";
import { random } from "../../src/math/random.ts";

const [spec, count] = [process.argv[2] as string, Number(process.argv[3])];
const compression = fromSpec(JSON.parse(spec));
const rng = random(1);
const weights = (n: number): Float64Array =>
  Float64Array.from({ length: n }, () => rng.uniform() + rng.uniform() + rng.uniform() - 1.5);
// Compiles and warms up the code on a small layer first.
compression.solve({ rows: 1, cols: 20_000, data: weights(20_000) });
const w = { rows: 1, cols: count, data: weights(count) };
const collect = (globalThis as { gc?: () => void }).gc;
collect?.();
const before = process.memoryUsage().rss;
compression.solve(w);
const peak = 1024 * process.resourceUsage().maxRSS;
console.log(JSON.stringify({ arrays: (peak - before) / (8 * count) }));
