import { weightedLeastSquares } from "../math/weighted-least-squares.ts";
import {
  type Compression,
  type CStepContext,
  type CStepResult,
  distortion,
  type Target,
} from "./contract.ts";
import { type Factored, type LowRank, product } from "./factors.ts";

/** Sweeps over both factors: the error has settled long before. */
const sweeps = 10;

/**
 * Compresses both factors of a low-rank matrix: U with its columns scaled as the rows of V, then V as the least-squares
 * partner of the compressed U, then U as that of V, and so on while the error falls. Not exact; never worse than the θ before.
 */
export function compressFactors<Factor>(
  matrix: Target,
  shape: Factored,
  start: { readonly u: Float64Array; readonly v: Float64Array },
  factors: Compression<Factor>,
  { mu, warm, importance }: CStepContext<LowRank<Factor>>,
): CStepResult<LowRank<Factor>> {
  const { rank } = shape;
  const { rows, cols } = matrix;
  const compressed = (r: number, c: number, data: Float64Array): Factor =>
    factors.cStep({ rows: r, cols: c, data }, { mu });
  const numbers = (theta: Factor): Float64Array => factors.decompress(theta).data;
  const error = ({ u, v }: { u: Factor; v: Factor }): number => {
    const delta = product(shape, numbers(u), numbers(v));
    return distortion({ ...matrix, rows: delta.rows, cols: delta.cols }, delta, importance);
  };
  let best = warm;
  let least = warm ? error(warm) : Number.POSITIVE_INFINITY;
  // Both halves of a sweep are the same computation, once with everything transposed.
  const h = importance ?? new Float64Array(matrix.data.length).fill(1);
  const turned = { data: transposedOf(matrix.data, rows, cols), h: transposedOf(h, rows, cols) };
  let { u, v }: Pair = balanced(start.u, start.v, rank);
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const left = compressed(rows, rank, u);
    v = weightedLeastSquares(turned.data, turned.h, transposedOf(numbers(left), rows, rank), rank);
    const right = compressed(rank, cols, v);
    const now = error({ u: left, v: right });
    if (!(now < least)) break;
    least = now;
    best = { ...shape, u: left, v: right };
    u = transposedOf(weightedLeastSquares(matrix.data, h, numbers(right), rank), rank, rows);
  }
  return { theta: best as LowRank<Factor>, exact: false };
}

interface Pair {
  u: Float64Array;
  v: Float64Array;
}

/** The same product with ‖column k of U‖ = ‖row k of V‖, so that one codebook fits both ends of a factor's range. */
function balanced(u: Float64Array, v: Float64Array, rank: number): Pair {
  const [left, right] = [u.slice(), v.slice()];
  const [rows, cols] = [u.length / rank, v.length / rank];
  for (let k = 0; k < rank; k++) {
    let [a, b] = [0, 0];
    for (let i = 0; i < rows; i++) a += (u[i * rank + k] as number) * (u[i * rank + k] as number);
    for (let j = 0; j < cols; j++) b += (v[k * cols + j] as number) * (v[k * cols + j] as number);
    if (a === 0 || b === 0) continue;
    const scale = Math.sqrt(Math.sqrt(b / a));
    for (let i = 0; i < rows; i++) left[i * rank + k] = (left[i * rank + k] as number) * scale;
    for (let j = 0; j < cols; j++) right[k * cols + j] = (right[k * cols + j] as number) / scale;
  }
  return { u: left, v: right };
}

function transposedOf(data: Float64Array, rows: number, cols: number): Float64Array {
  const out = new Float64Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) out[j * rows + i] = data[i * cols + j] as number;
  }
  return out;
}
