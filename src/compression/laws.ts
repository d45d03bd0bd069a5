import { isDeepStrictEqual } from "node:util";
import type { Matrix } from "../math/matrix.ts";
import type { Random } from "../math/random.ts";
import {
  type Compression,
  type CStepContext,
  distortion,
  objective,
  type Target,
} from "./contract.ts";

/** What a law needs to know besides the compression. */
export interface LawContext {
  /** μ of the C steps; above 0 for penalty forms. */
  readonly mu: number;
  /** Whether Δ satisfies the constraint, e.g. has at most K values. */
  readonly feasible?: ((delta: Matrix<Float64Array>) => boolean) | undefined;
  /** Whether Π(2w) = 2 Π(w) is claimed. */
  readonly scaleFree: boolean;
}

/** A property every compression of a kind must have. */
export interface Law {
  /** A true sentence or equation. */
  readonly name: string;
  readonly applies?: (c: Compression<unknown>, context: LawContext) => boolean;
  /** What is wrong for these weights, or undefined. */
  readonly check: (
    c: Compression<unknown>,
    w: Target,
    context: LawContext,
    rng: Random,
  ) => string | undefined;
}

export const laws: readonly Law[] = [
  {
    name: "Δ(θ) has the shape of w, and w is not written to",
    check(c, w, { mu }) {
      const before = w.data.slice();
      const { rows, cols, data } = c.decompress(c.cStep(w, { mu }));
      if (rows !== w.rows || cols !== w.cols || data.length !== rows * cols) {
        return `Δ is ${rows} × ${cols} with ${data.length} numbers`;
      }
      return isDeepStrictEqual(w.data, before) ? undefined : "w has changed";
    },
  },
  {
    name: "the same w gives the same θ",
    check: (c, w, { mu }) =>
      isDeepStrictEqual(c.cStep(w, { mu }), c.cStep({ ...w, data: w.data.slice() }, { mu }))
        ? undefined
        : "two calls gave different θ",
  },
  {
    name: "θ is plain data: a copy of it gives the same Δ",
    check(c, w, { mu }) {
      const theta = c.cStep(w, { mu });
      return isDeepStrictEqual(c.decompress(structuredClone(theta)), c.decompress(theta))
        ? undefined
        : "the copy gave another Δ";
    },
  },
  {
    name: "Δ(θ) is feasible",
    applies: (_, { feasible }) => feasible !== undefined,
    check(c, w, { mu, feasible }) {
      const delta = c.decompress(c.cStep(w, { mu }));
      return feasible?.(delta) ? undefined : `Δ = [${delta.data.join(", ")}]`;
    },
  },
  {
    name: "bits are a whole number from 0 in both accountings, FLOPs and costs not below 0",
    check(c, w, { mu }) {
      const theta = c.cStep(w, { mu });
      for (const accounting of ["packed", "toolkit"] as const) {
        const bits = c.bits(theta, accounting);
        if (!(Number.isInteger(bits) && bits >= 0)) return `${accounting} bits are ${bits}`;
      }
      const [flops, cost] = [c.flops(theta, w.geometry), c.cost?.(theta, w) ?? 0];
      return flops >= 0 && cost >= 0 ? undefined : `FLOPs ${flops}, cost ${cost}`;
    },
  },
  {
    name: "a C step from θ, full or cheap, is never worse than θ",
    check(c, w, { mu }) {
      const warm = c.cStep(w, { mu });
      const moved = { ...w, data: w.data.map((x, i) => x + ((i % 3) - 1) / 8) };
      const before = objective(c, moved, warm, { mu });
      for (const refine of [false, true]) {
        const after = objective(c, moved, c.cStep(moved, { mu, warm, refine }), { mu });
        if (after > before + slack(moved)) return `${before} rose to ${after}`;
      }
      return undefined;
    },
  },
  {
    name: "no feasible Δ is better than an exact result, nor better than its gap allows",
    check: (c, w, { mu }, rng) => beaten(c, w, { mu }, rng),
  },
  {
    name: "Π(Π(w)) = Π(w)",
    applies: (c) => c.exact && !c.cost,
    check(c, w, { mu }) {
      const once = { ...w, ...c.decompress(c.cStep(w, { mu })) };
      const again = c.decompress(c.cStep(once, { mu }));
      const error = distortion(once, again);
      return error <= slack(w) ? undefined : `‖Π(Π(w)) − Π(w)‖² = ${error}`;
    },
  },
  {
    name: "Π(2w) = 2 Π(w), bit for bit",
    applies: (_, { scaleFree }) => scaleFree,
    check(c, w, { mu }) {
      const twice = c.decompress(c.cStep({ ...w, data: w.data.map((x) => 2 * x) }, { mu }));
      const once = c.decompress(c.cStep(w, { mu }));
      return twice.data.every((x, i) => x === 2 * (once.data[i] as number))
        ? undefined
        : `[${twice.data.join(", ")}] is not twice [${once.data.join(", ")}]`;
    },
  },
  {
    name: "a matrix and its numbers in one row give the same Δ",
    applies: (c) => c.elementwise,
    check(c, w, { mu }) {
      const row = { rows: 1, cols: w.data.length, data: w.data };
      const [one, other] = [c.decompress(c.cStep(w, { mu })), c.decompress(c.cStep(row, { mu }))];
      return isDeepStrictEqual(one.data, other.data)
        ? undefined
        : `[${one.data.join(", ")}] and [${other.data.join(", ")}]`;
    },
  },
  {
    name: "importance weights: all 1 change nothing, and no feasible Δ is better by them",
    applies: (c) => c.weighted,
    check(c, w, { mu }, rng) {
      const ones = new Float64Array(w.data.length).fill(1);
      const plain = c.solve(w, { mu });
      if (plain.exact) {
        const value = objective(c, w, plain.theta, { mu });
        const weighted = objective(c, w, c.cStep(w, { mu, importance: ones }), { mu });
        if (Math.abs(value - weighted) > slack(w) && c.solve(w, { mu, importance: ones }).exact) {
          return `${value} without, ${weighted} with weights of 1`;
        }
      }
      const importance = ones.map(() => (1 + rng.below(16)) / 4);
      return beaten(c, w, { mu, importance }, rng);
    },
  },
];

/** Rounding of θ to float32, in units of the objective. */
function slack({ data }: Target, importance?: Float64Array): number {
  let total = 1e-3;
  for (let i = 0; i < data.length; i++) {
    const square = (data[i] as number) * (data[i] as number);
    total += (importance ? (importance[i] as number) : 1) * square;
  }
  return 2e-7 * total;
}

/** A feasible Δ that is better than the result of a C step on w claims to be possible, in words. */
function beaten(
  c: Compression<unknown>,
  w: Target,
  context: Pick<CStepContext<unknown>, "mu" | "importance">,
  rng: Random,
): string | undefined {
  const { theta, exact, gap } = c.solve(w, context);
  if (!exact && gap === undefined) return undefined;
  const claimed = objective(c, w, theta, context) - (gap ?? 0);
  // Whatever a C step on other weights gives is feasible: near w, far from it, and made from its own numbers.
  const eighth = (): number => (rng.below(33) - 16) / 8;
  const others: ((x: number, i: number) => number)[] = [
    () => eighth(),
    (x) => x + eighth() / 8,
    (x) => (rng.below(3) === 0 ? eighth() : x),
    (x) => (rng.below(2) === 0 ? 0 : x),
    () => w.data[rng.below(w.data.length)] as number,
  ];
  for (const other of others) {
    const moved = { ...w, data: w.data.map(other) };
    const rival = objective(c, w, c.cStep(moved, context), context);
    if (rival < claimed - slack(w, context.importance)) {
      return `${exact ? "called exact" : `gap ${gap}`}: ${claimed}, but θ of [${moved.data.join(", ")}] has ${rival}`;
    }
  }
  return undefined;
}
