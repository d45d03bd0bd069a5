import type { Part } from "../compression/parts.ts";
import type { Arena } from "../engine/arena.ts";
import { isImage, type Node } from "../engine/graph.ts";
import { windowOf } from "../engine/image-passes.ts";
import { blockedBytes, imageBytes, panels } from "../engine/packing.ts";
import { code } from "../engine/passes.ts";
import type { Op } from "../engine/program.ts";
import type { Parameter } from "../net/network.ts";
import type { WeightStore } from "./weights.ts";

/** How the product of a layer with packed weights is made: factors as two thin layers, then everything else at once. */
export interface LayerWeights {
  readonly factors: readonly Factors[];
  /** Offset of the packed matrix of the other parts; 0 if there are none. */
  readonly matrix: number;
  readonly rows: number;
  readonly cols: number;
  /** Of the matrix. */
  readonly parts: number;
}

/** Offsets of the packed factors of U V. */
interface Factors {
  readonly rank: number;
  /** See `Factored`. */
  readonly height: number;
  readonly u: number;
  readonly v: number;
}

/** Bytes of panels that a convolution unpacks at a time, at least one panel: with 16 patches they stay in the second-level cache. */
const TILE_BYTES = 2 ** 16;

/** Stores the weight matrix `parameter` as the sum of `parts`. */
export function* layerWeights(
  store: WeightStore,
  { key, rows, cols }: Parameter,
  parts: readonly Part[],
  isDense: boolean,
): Generator<void, LayerWeights> {
  const others = parts.filter((part) => part.kind !== "lowRank");
  const factors: Factors[] = [];
  for (const [i, part] of parts.entries()) {
    // Rank 0 adds nothing.
    if (part.kind !== "lowRank" || part.rank === 0) continue;
    const { rank, height, u, v } = part;
    const whole = (numbers: typeof u) => [{ kind: "all", numbers } as const];
    factors.push({
      ...{ rank, height },
      v: yield* store.matrix(`${key} ${i} v`, rank, cols / height, whole(v), false),
      u: yield* store.matrix(`${key} ${i} u`, rows, rank * height, whole(u), false),
    });
  }
  const isNeeded = others.length > 0 || factors.length === 0;
  const matrix = isNeeded ? yield* store.matrix(key, rows, cols, others, isDense) : 0;
  return { factors, matrix, rows, cols, parts: others.length };
}

/** What the ops of a layer work on. */
export interface Place {
  readonly arena: Arena;
  /** Most examples. */
  readonly batch: number;
  /** Offsets of input, output, bias (or zeros), and zeros of at least as many outputs as any op has. */
  readonly x: number;
  readonly y: number;
  readonly bias: number;
  readonly zeros: number;
}

/** Ops of a layer, and the scratch they need. */
export interface LayerOps {
  readonly ops: readonly Op[];
  readonly scratch: number;
}

type Window = ReturnType<typeof windowOf>;

/** One product: `rows` outputs of the window over the image at `x`, or of the rows at `x` if there is no window. */
interface Product {
  readonly w: number;
  readonly rows: number;
  readonly cols: number;
  readonly parts: number;
  readonly x: number;
  readonly y: number;
  readonly add: boolean;
  readonly window: Window | undefined;
}

/** The ops of `node`, whose products are summed where their output is, bias and activation by the last one. */
export function layerOps(node: Node, weights: LayerWeights, place: Place): LayerOps {
  const window = isImage(node) ? windowOf(node) : undefined;
  const { factors, matrix, rows, cols, parts } = weights;
  const { x, y } = place;
  const products = factors.flatMap((pair, i): Product[] => {
    const { rank, height, u, v } = pair;
    const [first, second] = window ? thinWindows(window, rank, height) : [];
    const thin = place.arena.take(
      `${node.layer} factor ${i}`,
      first
        ? place.batch * imageBytes([first.outHeight, first.outWidth, rank])
        : blockedBytes(place.batch, rank),
    );
    return [
      { w: v, rows: rank, cols: cols / height, parts: 1, x, y: thin, add: false, window: first },
      { w: u, rows, cols: rank * height, parts: 1, x: thin, y, add: i > 0, window: second },
    ];
  });
  if (matrix)
    products.push({ w: matrix, rows, cols, parts, x, y, add: factors.length > 0, window });
  const made = products.map((product, i) =>
    productOp(node, product, place, i === products.length - 1),
  );
  return { ops: made.map(({ op }) => op), scratch: Math.max(...made.map((one) => one.scratch)) };
}

function productOp(
  node: Node,
  { w, rows, cols, parts, x, y, add, window }: Product,
  { bias, zeros }: Place,
  isLast: boolean,
): { readonly op: Op; readonly scratch: number } {
  const end = isLast
    ? { b: bias, activation: code(node.activation) }
    : { b: zeros, activation: code("none") };
  const args = { w, x, y, add: add ? 1 : 0, ...end };
  const of = { layer: node.layer, tasks: 0 };
  const panel = 32 * cols;
  // A result tile, kept weights, cursors, panels (assembly/packed-product.ts).
  const before = 128 + 2048 + 64 * Math.ceil(parts / 4);
  if (!window) {
    const sides = { xPanels: panels(cols), yPanels: panels(rows) };
    return {
      op: { kernel: "packedDense", ...of, args: { ...args, ...sides } },
      scratch: before + panel,
    };
  }
  const block = Math.max(1, Math.floor(TILE_BYTES / panel));
  const patches = panels(cols) * (32 + 512);
  return {
    op: { kernel: "packedConv", ...of, args: { ...window, ...args, filters: rows, block } },
    scratch: before + Math.min(block, panels(rows)) * panel + patches,
  };
}

/** Windows of the two thin convolutions: the whole kernel and 1 × 1, or (height > 1) a row kernel and a column kernel. */
function thinWindows(window: Window, rank: number, height: number): readonly [Window, Window] {
  const { outHeight, outWidth } = window;
  const here = { width: outWidth, channels: rank, kernelWidth: 1, across: 1, left: 0 };
  if (height === 1) {
    const still = { height: outHeight, kernelHeight: 1, down: 1, top: 0 };
    return [window, { ...window, ...here, ...still }];
  }
  return [
    { ...window, outHeight: window.height, kernelHeight: 1, down: 1, top: 0 },
    { ...window, ...here },
  ];
}

/** Most outputs of any op of a layer. */
export function widestOf({ rows, factors }: LayerWeights): number {
  return Math.max(rows, ...factors.map(({ rank }) => rank));
}
