import type { Quantized } from "../compression/codebook.ts";
import type { CompressionSpec } from "../compression/contract.ts";
import { factoredMatrix, heightOf, type LowRank, type Scheme } from "../compression/factors.ts";
import type { Half } from "../compression/float16.ts";
import { fromSpec } from "../compression/from-spec.ts";
import type { Shape } from "../compression/geometry.ts";
import type { PerChannel } from "../compression/per-channel.ts";
import { countOf, eachWeight, groupingOf, type PrunedGroups } from "../compression/prune-groups.ts";
import { chargesOf, type RankSelected } from "../compression/rank-selection.ts";
import { levelsOf } from "../compression/scaled.ts";
import { type Kept, keptOf, type Pruned } from "../compression/sparse.ts";
import { LCError } from "../errors.ts";
import { type Runs, readPatterns, writePatterns } from "./patterns.ts";
import type { CodeArray, Grid, Sink, Source } from "./streams.ts";

/** The weights a θ stands for. */
export type Place = Shape & Grid;

/** How θ of a kind of compression is written, and read again to the same bytes. */
interface Codec {
  write(theta: never, place: Place, sink: Sink, spec: never): void;
  read(place: Place, source: Source, spec: never): unknown;
}

/** Writes θ of a compression. @throws RangeError if it is none of the built-in ones. */
export function writeTheta(spec: CompressionSpec, theta: unknown, place: Place, sink: Sink): void {
  codecOf(spec).write(theta as never, place, sink, spec as never);
}

/** Reads what `writeTheta` wrote. @throws LCError LC_FILE if it cannot be θ of that compression. */
export function readTheta(spec: CompressionSpec, place: Place, source: Source): unknown {
  return codecOf(spec).read(place, source, spec as never);
}

function codecOf({ kind }: CompressionSpec): Codec {
  const codec = Object.hasOwn(codecs, kind) ? codecs[kind] : undefined;
  if (codec) return codec;
  throw new RangeError(
    `save: compression "${kind}" has no place in a file; those that have are ${Object.keys(codecs).join(", ")}.`,
  );
}

/** θ of a single weight of 0, worked out once for each spec: every channel of a layer may ask for it. */
function ofZero(spec: CompressionSpec): unknown {
  const theta =
    zeros.get(spec) ?? fromSpec(spec).cStep({ rows: 1, cols: 1, data: new Float64Array(1) });
  zeros.set(spec, theta);
  return theta;
}
const zeros = new WeakMap<CompressionSpec, unknown>();

/** Assignments to `levels`, which are known already. */
function readCodes(
  levels: Float32Array,
  { rows, cols, ...place }: Place,
  source: Source,
): Quantized {
  const empty: CodeArray =
    levels.length <= 256 ? new Uint8Array(rows * cols) : new Uint16Array(rows * cols);
  const assignments = source.codes(empty, levels.length, { rows, cols, ...place });
  return { rows, cols, levels, assignments };
}

/** @throws LCError LC_FILE unless every level is above the one before. */
function checkAscending(levels: Float32Array): Float32Array {
  const bad = levels.findIndex((x, k) => k > 0 && !(x > (levels[k - 1] as number)));
  if (bad < 0) return levels;
  throw new LCError(
    "LC_FILE",
    `the codebook must ascend, got ${levels[bad]} behind ${levels[bad - 1]}.`,
  );
}

const codebook: Codec = {
  write({ levels, assignments }: Quantized, place, sink) {
    sink.count(levels.length);
    sink.numbers("codebook", levels);
    sink.codes(assignments, levels.length, place);
  },
  read(place, source, { levels }: { levels: number }) {
    const size = source.count("the number of levels", 1, levels);
    return readCodes(checkAscending(source.numbers("codebook", size)), place, source);
  },
};

/** Levels that belong to the compression. */
const fixed: Codec = {
  write({ levels, assignments }: Quantized, place, sink) {
    sink.codes(assignments, levels.length, place);
  },
  read(place, source, spec: CompressionSpec) {
    return readCodes((ofZero(spec) as Quantized).levels, place, source);
  },
};

/** Levels −a and a, stored as a; with all weights 0 the only level is 0. */
const plusMinus: Codec = {
  write(theta: Quantized, place, sink, spec: { scale: boolean }) {
    if (!spec.scale) return fixed.write(theta as never, place, sink, spec as never);
    writeScaled(theta, theta.levels.at(-1) as number, place, sink);
  },
  read(place, source, spec: { scale: boolean }) {
    if (!spec.scale) return fixed.read(place, source, spec as never);
    return readScaled((a) => Float32Array.of(-a, a), 2, place, source);
  },
};

/** Levels a k, k = −steps … steps, stored as a; with all weights 0 the only level is 0. */
function multiples(stepsOf: (spec: never) => number): Codec {
  return {
    write(theta: Quantized, place, sink, spec) {
      const { levels } = theta;
      const unit = levels.length > 1 ? levels[stepsOf(spec) + 1] : levels[0];
      writeScaled(theta, unit as number, place, sink);
    },
    read(place, source, spec) {
      const steps = stepsOf(spec);
      return readScaled((a) => levelsOf(a, steps), 2 * steps + 1, place, source);
    },
  };
}

function writeScaled(
  { levels, assignments }: Quantized,
  scale: number,
  place: Place,
  sink: Sink,
): void {
  sink.count(levels.length);
  sink.numbers("scale", Float32Array.of(scale));
  sink.codes(assignments, levels.length, place);
}

function readScaled(
  levels: (scale: number) => Float32Array,
  most: number,
  place: Place,
  source: Source,
): Quantized {
  const size = source.count("the number of levels", 1, most);
  if (size > 1 && size < most) {
    throw new LCError("LC_FILE", `the number of levels must be 1 or ${most}, got ${size}.`);
  }
  const given = source.numbers("scale", 1);
  const scale = given[0] as number;
  // A scale of 0 with several levels is one that was too small for float32.
  const all = size === 1 ? given : levels(scale);
  const possible = size === 1 ? Object.is(scale, 0) : scale >= 0 && !Object.is(scale, -0);
  if (!possible || all.length !== size || !all.every(Number.isFinite)) {
    throw new LCError(
      "LC_FILE",
      `the scale of ${size} levels must be ${size === 1 ? "0" : "above 0, and all levels finite"}, got ${scale}.`,
    );
  }
  return readCodes(all, place, source);
}

const half: Codec = {
  write: ({ halves }: Half, _place, sink) => sink.halves("halves", halves),
  read: ({ rows, cols }, source): Half => ({
    rows,
    cols,
    halves: source.halves("halves", rows * cols),
  }),
};

/** The spec of a compression whose numbers may be compressed too. */
interface WithValues extends CompressionSpec {
  readonly values?: CompressionSpec;
}

function writeValues(
  { values: inner }: WithValues,
  { indices, values }: Pruned<unknown>,
  sink: Sink,
): void {
  const cols = indices.length;
  if (!inner) sink.numbers("values", values as Float32Array);
  else if (cols > 0)
    sink.within("values", () => writeTheta(inner, values, { rows: 1, cols }, sink));
}

function readValues({ values: inner }: WithValues, cols: number, source: Source): unknown {
  if (!inner) return source.numbers("values", cols);
  if (cols > 0) return source.within("values", () => readTheta(inner, { rows: 1, cols }, source));
  // Without a value it is θ of a single 0, which takes no bits (see solveSparse).
  return ofZero(inner);
}

/** @param mostOf How many of n weights can be kept. */
const sparse = (mostOf: (spec: never, n: number) => number): Codec => ({
  write(theta: Pruned<unknown>, place, sink, spec: WithValues) {
    sink.count(theta.indices.length);
    sink.positions(theta.indices, place);
    writeValues(spec, theta, sink);
  },
  read(place, source, spec: WithValues): Pruned<unknown> {
    const { rows, cols } = place;
    const most = mostOf(spec as never, rows * cols);
    const count = source.count("the number of kept weights", 0, most);
    const indices = source.positions(count, place);
    return { rows, cols, indices, values: readValues(spec, count, source) };
  },
});

const runs: Codec = {
  write(theta: Pruned<unknown>, place, sink, spec: WithValues & Runs) {
    writePatterns(theta.indices, place, { ...spec, fewer: spec.values !== undefined }, sink);
    writeValues(spec, theta, sink);
  },
  read(place, source, spec: WithValues & Runs): Pruned<unknown> {
    const { rows, cols } = place;
    const indices = readPatterns(place, { ...spec, fewer: spec.values !== undefined }, source);
    return { rows, cols, indices, values: readValues(spec, indices.length, source) };
  },
};

const groups: Codec = {
  write(theta: PrunedGroups, _place, sink) {
    sink.count(theta.groups.length);
    sink.positions(theta.groups, { rows: 1, cols: countOf(theta, theta) });
    sink.numbers("values", theta.values);
  },
  read(place, source, spec: CompressionSpec): PrunedGroups {
    const { rows, cols } = place;
    const grouping = groupingOf(spec, place);
    const all = countOf(place, grouping);
    const { kappa } = keptOf(spec.kind, "groups", spec as CompressionSpec & Kept);
    const count = source.count("the number of kept groups", 0, kappa(all));
    const kept = source.positions(count, { rows: 1, cols: all });
    const isKept = new Uint8Array(all);
    for (const group of kept) isKept[group] = 1;
    let weights = 0;
    eachWeight(place, grouping, (_, group) => {
      weights += isKept[group] as number;
    });
    return { rows, cols, ...grouping, groups: kept, values: source.numbers("values", weights) };
  },
};

/** The spec of a low-rank compression. */
interface Ranked extends CompressionSpec {
  readonly rank: number;
  readonly scheme?: Scheme;
  readonly factors?: CompressionSpec;
}

const factors: Codec = {
  write({ u, v, ...shape }: LowRank<unknown>, _place, sink, { rank, factors: inner }: Ranked) {
    const { rows, cols } = factoredMatrix(shape, shape.height);
    if (inner) {
      sink.within("u", () => writeTheta(inner, u, { rows, cols: rank }, sink));
      sink.within("v", () => writeTheta(inner, v, { rows: rank, cols }, sink));
    } else {
      sink.numbers("u", u as Float32Array, [rows, rank]);
      sink.numbers("v", v as Float32Array, [rank, cols]);
    }
  },
  read(place, source, { rank, scheme = 1, factors: inner }: Ranked): LowRank<unknown> {
    const height = heightOf(place, scheme);
    const { rows, cols } = factoredMatrix({ rows: place.rows, cols: place.cols }, height);
    const factor = (name: string, shape: Place): unknown =>
      inner
        ? source.within(name, () => readTheta(inner, shape, source))
        : source.numbers(name, shape.rows * shape.cols, [shape.rows, shape.cols]);
    const u = factor("u", { rows, cols: rank });
    const v = factor("v", { rows: rank, cols });
    return { rows: place.rows, cols: place.cols, height, rank, u, v };
  },
};

/** The spec of a rank selection. */
interface Selection extends CompressionSpec {
  readonly alpha: number;
  readonly criterion: "storage" | "flops";
  readonly scheme: Scheme;
  /** Whether it may stay dense. */
  readonly dense: boolean;
}

const selected: Codec = {
  write({ dense, rank, u, v, ...shape }: RankSelected, _place, sink) {
    sink.count(dense ? 1 : 0);
    if (dense) return sink.numbers("dense", dense, [shape.rows, shape.cols]);
    const { rows, cols } = factoredMatrix(shape, shape.height);
    sink.count(rank);
    sink.numbers("u", u, [rows, rank]);
    sink.numbers("v", v, [rank, cols]);
  },
  read(place, source, { alpha, criterion, scheme, dense: may }: Selection): RankSelected {
    const { rows, cols } = place;
    const height = heightOf(place, scheme);
    const sides = factoredMatrix({ rows, cols }, height);
    const { perRank, whole } = chargesOf(criterion, place, height);
    const most = Math.min(sides.rows, sides.cols);
    if (source.count("whether it is dense (1) or not (0)", 0, may ? 1 : 0) === 1) {
      const [u, v] = [new Float32Array(), new Float32Array()];
      const dense = source.numbers("dense", rows * cols, [rows, cols]);
      return { rows, cols, height, rank: most, u, v, dense, cost: alpha * whole };
    }
    const rank = source.count("the rank", 0, most);
    const u = source.numbers("u", sides.rows * rank, [sides.rows, rank]);
    const v = source.numbers("v", rank * sides.cols, [rank, sides.cols]);
    return { rows, cols, height, rank, u, v, cost: alpha * perRank * rank };
  },
};

const channels: Codec = {
  write(theta: PerChannel<unknown>, { cols }, sink, { of }: { of: CompressionSpec }) {
    for (const channel of theta.channels) writeTheta(of, channel, { rows: 1, cols }, sink);
  },
  read({ rows, cols }, source, { of }: { of: CompressionSpec }): PerChannel<unknown> {
    const read = () => readTheta(of, { rows: 1, cols }, source);
    return { rows, cols, channels: Array.from({ length: rows }, read) };
  },
};

/** A sum inside another compression; the parts of a layer's own sum are written one by one. */
const parts: Codec = {
  write(theta: readonly unknown[], place, sink, { parts: terms }: { parts: CompressionSpec[] }) {
    for (const [i, term] of terms.entries()) {
      sink.within(String(i), () => writeTheta(term, theta[i], place, sink));
    }
  },
  read(place, source, { parts: terms }: { parts: CompressionSpec[] }) {
    return terms.map((term, i) => source.within(String(i), () => readTheta(term, place, source)));
  },
};

const codecs: Readonly<Record<string, Codec>> = {
  quantize: codebook,
  binarize: plusMinus,
  ternarize: multiples(() => 1),
  uniform: multiples(({ bits }: { bits: number }) => 2 ** (bits - 1) - 1),
  fixedCodebook: fixed,
  powersOfTwo: fixed,
  float16: half,
  prune: sparse((spec: Kept, n) => keptOf("prune", "weights", spec).kappa(n)),
  l1Constraint: sparse(({ radius }: { radius: number }, n) => (radius > 0 ? n : 0)),
  l0Penalty: sparse((_, n) => n),
  l1Penalty: sparse((_, n) => n),
  pruneNM: runs,
  pruneRows: groups,
  pruneColumns: groups,
  pruneChannels: groups,
  pruneBlocks: groups,
  lowRank: factors,
  rankSelection: selected,
  perChannel: channels,
  sum: parts,
};
