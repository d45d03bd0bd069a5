import type { Matrix } from "../math/matrix.ts";
import { largest } from "../math/select.ts";
import { defineCompression } from "./compression.ts";
import type { Compression, CompressionSpec, Target } from "./contract.ts";
import { geometryOf, type Shape } from "./geometry.ts";
import { gapBits } from "./positions.ts";
import { checkKept, type Kept, keptOf } from "./sparse.ts";

/** θ of a group pruning: the groups that are kept. All other weights are 0. */
export interface PrunedGroups {
  readonly rows: number;
  readonly cols: number;
  /** How groups are numbered: weight (i, j) is in group ⌊i / height⌋ · across + (⌊j / width⌋ mod across). */
  readonly height: number;
  readonly width: number;
  readonly across: number;
  /** Kept groups, ascending. */
  readonly groups: Uint32Array;
  /** Weights of the kept groups, float32, in row-major order of the matrix. */
  readonly values: Float32Array;
}

/** Tiles of height × width; `across` of them before the numbers repeat (channels) or a row of tiles ends. */
interface Grouping {
  readonly height: number;
  readonly width: number;
  readonly across: number;
}

/**
 * Row pruning: keeps the output channels (rows: neurons, filters) of largest norm. min ‖w − θ‖², exact, O(N); ties keep the
 * smaller index. `keep` is a fraction of the rows, `count` a number of them.
 * Bits: 32 per kept weight, and the rows kept as gaps.
 * @throws RangeError if `keep` or `count` is out of range, or there are fewer rows than `count`.
 */
export function pruneRows(options: Kept): Compression<PrunedGroups> {
  return groups("pruneRows", "rows", options);
}

/** Column pruning: as `pruneRows`, for columns (inputs of a dense layer, single kernel positions of a convolution). */
export function pruneColumns(options: Kept): Compression<PrunedGroups> {
  return groups("pruneColumns", "columns", options);
}

/** Channel pruning: as `pruneRows`, for input channels with their whole kernels in all filters. */
export function pruneChannels(options: Kept): Compression<PrunedGroups> {
  return groups("pruneChannels", "channels", options);
}

/**
 * Block pruning: as `pruneRows`, for tiles of `block` = [height, width] weights.
 * @throws RangeError also if the block does not divide the matrix.
 */
export function pruneBlocks(
  options: Kept & { readonly block: readonly [number, number] },
): Compression<PrunedGroups> {
  const [height, width] = options.block;
  if (!(Number.isInteger(height) && Number.isInteger(width) && height > 0 && width > 0)) {
    throw new RangeError(
      `pruneBlocks: block must be [height, width] in whole numbers from 1, got [${options.block.join(", ")}]. Write block: [4, 4].`,
    );
  }
  return groups(
    "pruneBlocks",
    "blocks",
    options,
    { block: [height, width] },
    ({ rows, cols }, where) => {
      if (rows % height === 0 && cols % width === 0) return;
      throw new RangeError(
        `pruneBlocks: blocks of ${height} × ${width} do not divide ${where}. Take a height that divides ${rows} and a width that divides ${cols}.`,
      );
    },
  );
}

/** The groups of a shape for the spec of a group pruning. */
export function groupingOf(
  { kind, block }: { readonly kind: string; readonly block?: Block },
  shape: Shape,
): Grouping {
  const { rows, cols } = shape;
  switch (kind) {
    case "pruneRows":
      return { height: 1, width: cols, across: 1 };
    case "pruneColumns":
      return { height: rows, width: 1, across: cols };
    case "pruneChannels":
      return { height: rows, width: 1, across: geometryOf(shape).channels };
    default: {
      const [height, width] = block as Block;
      return { height, width, across: cols / width };
    }
  }
}

type Block = readonly [height: number, width: number];

function groups(
  kind: string,
  things: string,
  options: Kept,
  more: { readonly block?: Block } = {},
  divides: (shape: Shape, where: string) => void = () => {},
): Compression<PrunedGroups> {
  const { kappa, label, spec } = keptOf(kind, things, options);
  const block = more.block ? `, ${more.block.join(" × ")}` : "";
  return defineCompression<PrunedGroups>({
    name: `${kind}(${label}${block})`,
    exact: true,
    elementwise: false,
    weighted: true,
    spec: { kind, ...spec, ...more } as CompressionSpec,
    joint: { role: "correction" },
    check(shape, where) {
      divides(shape, where);
      const all = countOf(shape, groupingOf({ kind, ...more }, shape));
      checkKept(kind, kappa(all), all, where, ` ${things}`);
    },
    cStep(w, { importance }) {
      const grouping = groupingOf({ kind, ...more }, w);
      const norms = new Float64Array(countOf(w, grouping));
      eachWeight(w, grouping, (at, group) => {
        const x = w.data[at] as number;
        const h = importance ? (importance[at] as number) : 1;
        norms[group] = (norms[group] as number) + h * x * x;
      });
      const kept = largest(norms, kappa(norms.length));
      const { rows, cols } = w;
      return { rows, cols, ...grouping, groups: kept, values: valuesOf(w, grouping, kept) };
    },
    decompress,
    bits: ({ groups: kept, values }) => 32 * values.length + gapBits(kept),
  });
}

/** How many groups there are. */
export function countOf({ rows }: Shape, { height, across }: Grouping): number {
  return (rows / height) * across;
}

/** Visits all weights, row-major, with the group of each. */
export function eachWeight(
  { rows, cols }: Shape,
  { height, width, across }: Grouping,
  visit: (at: number, group: number) => void,
): void {
  for (let i = 0, at = 0; i < rows; i++) {
    const first = Math.floor(i / height) * across;
    for (let j = 0; j < cols; j++, at++) visit(at, first + (Math.floor(j / width) % across));
  }
}

function valuesOf(w: Target, grouping: Grouping, kept: Uint32Array): Float32Array {
  const isKept = flags(w, grouping, kept);
  const values: number[] = [];
  eachWeight(w, grouping, (at, group) => {
    if (isKept[group]) values.push(w.data[at] as number);
  });
  return Float32Array.from(values);
}

function decompress(theta: PrunedGroups): Matrix<Float64Array> {
  const { rows, cols, groups: kept, values } = theta;
  const isKept = flags(theta, theta, kept);
  const data = new Float64Array(rows * cols);
  let next = 0;
  eachWeight(theta, theta, (at, group) => {
    if (isKept[group]) data[at] = values[next++] as number;
  });
  return { rows, cols, data };
}

function flags(shape: Shape, grouping: Grouping, kept: Uint32Array): Uint8Array {
  const all = new Uint8Array(countOf(shape, grouping));
  for (const group of kept) all[group] = 1;
  return all;
}

/** Row-major positions of the kept weights, ascending: where `values` are. */
export function keptPositions(theta: PrunedGroups): Uint32Array {
  const isKept = flags(theta, theta, theta.groups);
  const positions = new Uint32Array(theta.values.length);
  let next = 0;
  eachWeight(theta, theta, (at, group) => {
    if (isKept[group]) positions[next++] = at;
  });
  return positions;
}
