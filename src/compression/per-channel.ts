import type { Matrix } from "../math/matrix.ts";
import { defineCompression } from "./compression.ts";
import type { Compression, CStepContext, CStepResult, JointRole, Target } from "./contract.ts";

/** θ of each output channel (row), in order. */
export interface PerChannel<Theta> {
  readonly rows: number;
  readonly cols: number;
  readonly channels: readonly Theta[];
}

/**
 * Compresses every output channel (row of the matrix: neuron, filter) by itself: a codebook, scale or budget per channel
 * instead of per layer. Exact where `compression` is. Bits: the sum over the channels.
 * @throws RangeError if `compression` does not act on single weights.
 * @example
 * perChannel(binarize()).cStep({ rows: 2, cols: 1, data: Float64Array.of(1, 8) }).channels.length   //=> 2
 */
export function perChannel<Theta>(compression: Compression<Theta>): Compression<PerChannel<Theta>> {
  const { name, exact, elementwise, weighted, spec } = compression;
  if (!elementwise) {
    throw new RangeError(
      `perChannel: ${name} acts on a matrix, not on one row of it. Write perChannel(quantize({ bits: 2 })), or .layer(name, ${name}) for the whole layer.`,
    );
  }
  const joint: { joint?: JointRole<PerChannel<Theta>> } =
    compression.joint?.role === "fixed" ? { joint: { role: "fixed" } } : {};
  return defineCompression<PerChannel<Theta>>({
    name: `perChannel(${name})`,
    exact,
    elementwise: false,
    weighted,
    ...(spec ? { spec: { kind: "perChannel", of: spec } } : {}),
    ...joint,
    check: ({ rows, cols }, where) =>
      compression.check({ rows: 1, cols }, rows > 1 ? `each row of ${where}` : where),
    solve: (w, context) => solve(compression, w, context),
    decompress: ({ rows, cols, channels }) => {
      const data = new Float64Array(rows * cols);
      for (const [i, theta] of channels.entries()) {
        data.set(compression.decompress(theta).data, i * cols);
      }
      return { rows, cols, data };
    },
    bits: ({ channels }, accounting) =>
      channels.reduce((total, theta) => total + compression.bits(theta, accounting), 0),
    ...(compression.alone ? { alone: compression.alone } : {}),
    ...(compression.cost
      ? {
          cost: ({ cols, channels }, { data }) =>
            channels.reduce((total, theta, i) => {
              const row = {
                rows: 1,
                cols,
                data: data.subarray(i * cols, (i + 1) * cols) as Float64Array,
              };
              return total + (compression.cost?.(theta, row) ?? 0);
            }, 0),
        }
      : {}),
  });
}

function solve<Theta>(
  compression: Compression<Theta>,
  w: Target,
  { mu, warm, refine, importance }: CStepContext<PerChannel<Theta>>,
): CStepResult<PerChannel<Theta>> {
  const { rows, cols, data } = w;
  const row = (i: number): Matrix<Float64Array> => ({
    rows: 1,
    cols,
    data: data.subarray(i * cols, (i + 1) * cols),
  });
  const results = Array.from({ length: rows }, (_, i) =>
    compression.solve(row(i), {
      mu,
      ...(warm ? { warm: warm.channels[i] as Theta } : {}),
      ...(refine === undefined ? {} : { refine }),
      ...(importance ? { importance: importance.subarray(i * cols, (i + 1) * cols) } : {}),
    }),
  );
  const exact = results.every((result) => result.exact);
  const gaps = results.map(({ gap }) => gap);
  const known = gaps.every((gap) => gap !== undefined);
  const noted = results.flatMap(({ notes }, i) => (notes ? [i] : []));
  const more = noted.length > 1 ? ` (and ${noted.length - 1} more)` : "";
  return {
    theta: { rows, cols, channels: results.map(({ theta }) => theta) },
    exact,
    ...(known ? { gap: gaps.reduce((total: number, gap) => total + (gap as number), 0) } : {}),
    ...(noted.length > 0
      ? { notes: [`channel ${noted[0]}${more}: ${results[noted[0] as number]?.notes?.join("; ")}`] }
      : {}),
  };
}
