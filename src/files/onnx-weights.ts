import type { Numbers, Part } from "../compression/parts.ts";
import { elementType, type OnnxGraph } from "./onnx-graph.ts";

/** How the columns of a weight matrix are numbered here: (row of the kernel, its column, channel). */
export interface Window {
  readonly kernel: readonly [number, number];
  readonly channels: number;
}

/** A layer's weights with where they go. */
export interface WeightShape extends Window {
  readonly rows: number;
}

/**
 * The weights of a layer in ONNX' order, (row, channel, row of the kernel, its column), as a float value of `shape`: the
 * sum of its parts, each stored as θ has it and decoded by nodes that depend on constants only. Runtimes that fold
 * constants decode once, when they load the file.
 */
export function weightValue(
  graph: OnnxGraph,
  name: string,
  parts: readonly Part[],
  window: WeightShape,
  shape: readonly number[],
): string {
  const values = parts.map((part) => {
    if (part.kind === "all") {
      return numbersValue(graph, name, reordered(part.numbers, window), shape);
    }
    return part.kind === "sparse"
      ? sparseValue(graph, name, part, window, shape)
      : productValue(graph, name, part, window, shape);
  });
  return values.reduce((sum, value) => graph.node("Add", [sum, value], `${name}.sum`));
}

/** Numbers as a float value. */
export function numbersValue(
  graph: OnnxGraph,
  name: string,
  numbers: Numbers,
  shape: readonly number[],
): string {
  const { data } = numbers;
  if (numbers.kind === "floats") return graph.constant(name, numbers.data, shape);
  if (numbers.kind === "halves") {
    const halves = graph.constant(`${name}.half`, data, shape, true);
    return cast(graph, halves, "float", `${name}.float`);
  }
  const { levels, books } = numbers;
  const size = levels.length / books;
  const one = books === 1;
  const codebook = graph.constant(`${name}.codebook`, levels, one ? [size] : [books, size]);
  // GatherElements wants the codes as the codebooks are, a row each.
  const codes = codesValue(graph, name, numbers, size, one ? shape : [books, data.length / books]);
  if (one) return graph.node("Gather", [codebook, codes], `${name}.decoded`, { axis: 0 });
  const rows = graph.node("GatherElements", [codebook, codes], `${name}.rows`, { axis: 1 });
  return reshape(graph, rows, shape, `${name}.decoded`);
}

/** Tables that take the codes out of a byte, by bits per code: row b has the codes of byte b, lowest bits first. */
const tables = new Map(
  [1, 2, 4].map((width) => {
    const table = Uint8Array.from(
      { length: 256 * (8 / width) },
      (_, i) => (Math.floor(i / (8 / width)) >> (width * (i % (8 / width)))) & (2 ** width - 1),
    );
    return [width, table] as const;
  }),
);

/** Codes 0…levels−1 as int32 of `shape`: 1, 2, 4, 8 or 16 bits each in the file. */
function codesValue(
  graph: OnnxGraph,
  name: string,
  { data }: Numbers,
  levels: number,
  shape: readonly number[],
): string {
  if (levels > 16) {
    const codes = levels > 256 ? data : Uint8Array.from(data);
    const stored = graph.constant(`${name}.codes`, codes, shape);
    return cast(graph, stored, "int32", `${name}.index`);
  }
  const width = levels > 2 ? (levels > 4 ? 4 : 2) : 1;
  const table = tables.get(width) as Uint8Array;
  const each = 8 / width;
  const packed = new Uint8Array(Math.ceil(data.length / each));
  for (const [i, code] of data.entries()) {
    packed[Math.floor(i / each)] |= code << (width * (i % each));
  }
  const bytes = graph.constant(`${name}.codes`, packed, [packed.length]);
  const rows = graph.constant(`codes_of_${width}_bits`, table, [256, each]);
  const index = cast(graph, bytes, "int32", `${name}.bytes`);
  const pairs = graph.node("Gather", [rows, index], `${name}.unpacked`, { axis: 0 });
  let flat = reshape(graph, pairs, [packed.length * each], `${name}.flat`);
  if (packed.length * each > data.length) {
    const bounds = [graph.integers([0]), graph.integers([data.length])];
    flat = graph.node("Slice", [flat, ...bounds], `${name}.whole`);
  }
  return reshape(graph, cast(graph, flat, "int32", `${name}.int`), shape, `${name}.index`);
}

/** Kept numbers, written over zeros at positions that are the running sums of their gaps. */
function sparseValue(
  graph: OnnxGraph,
  name: string,
  { positions, numbers }: Part & { readonly kind: "sparse" },
  window: WeightShape,
  shape: readonly number[],
): string {
  const size = shape.reduce((product, n) => product * n, 1);
  if (positions.length === 0) return zeros(graph, name, shape);
  const { positions: sorted, numbers: kept } = reorderedSparse({ positions, numbers }, window);
  const gaps = sorted.map((at, k) => at - (k > 0 ? (sorted[k - 1] as number) : 0));
  const shown = numbersValue(graph, `${name}.kept`, kept, [sorted.length]);
  const stored = graph.constant(`${name}.gaps`, smallest(gaps), [gaps.length]);
  const steps = cast(graph, stored, "int64", `${name}.steps`);
  const axis = graph.constant("axis_0", axis0, []);
  const indices = graph.node("CumSum", [steps, axis], `${name}.positions`);
  const empty = zeros(graph, name, [size]);
  const flat = graph.node("ScatterElements", [empty, indices, shown], `${name}.flat`, { axis: 0 });
  return reshape(graph, flat, shape, `${name}.sparse`);
}

const axis0 = BigInt64Array.of(0n);

function zeros(graph: OnnxGraph, name: string, shape: readonly number[]): string {
  return graph.node("ConstantOfShape", [graph.integers(shape)], `${name}.zeros`);
}

/** The narrowest type that holds all gaps. */
function smallest(gaps: Uint32Array): Uint8Array | Uint16Array | Int32Array {
  const most = gaps.reduce((a, b) => Math.max(a, b), 0);
  if (most < 2 ** 8) return Uint8Array.from(gaps);
  return most < 2 ** 16 ? Uint16Array.from(gaps) : Int32Array.from(gaps);
}

/** U V in ONNX' order. */
function productValue(
  graph: OnnxGraph,
  name: string,
  { rows, cols, height, rank, u, v }: Part & { readonly kind: "lowRank" },
  { kernel, channels }: WeightShape,
  shape: readonly number[],
): string {
  if (rank === 0) return zeros(graph, name, shape);
  const left = numbersValue(graph, `${name}.u`, u, [rows * height, rank]);
  const right = numbersValue(graph, `${name}.v`, v, [rank, cols / height]);
  const product = graph.node("MatMul", [left, right], `${name}.product`);
  const here = reshape(graph, product, [rows, ...kernel, channels], `${name}.here`);
  const turned = graph.node("Transpose", [here], `${name}.turned`, { perm: [0, 3, 1, 2] });
  return reshape(graph, turned, shape, `${name}.lowRank`);
}

/** Numbers of whole rows in ONNX' order; a row stays a row. */
export function reordered(numbers: Numbers, window: Window): Numbers {
  if (isSameOrder(window)) return numbers;
  const to = order(window);
  const data = numbers.data.slice();
  for (let i = 0; i < data.length; i++) data[to(i)] = numbers.data[i] as number;
  return { ...numbers, data } as Numbers;
}

/** Kept numbers with their positions in ONNX' order, ascending. */
export function reorderedSparse(
  { positions, numbers }: { readonly positions: Uint32Array; readonly numbers: Numbers },
  window: Window,
): { readonly positions: Uint32Array; readonly numbers: Numbers } {
  if (isSameOrder(window)) return { positions, numbers };
  const places = positions.map(order(window));
  const ranks = places
    .map((_, k) => k)
    .sort((a, b) => (places[a] as number) - (places[b] as number));
  const sorted = ranks.map((k) => places[k] as number);
  return { positions: sorted, numbers: picked(numbers, ranks) };
}

/** The numbers at `ranks`; of several codebooks there is none here. */
function picked(numbers: Numbers, ranks: Uint32Array): Numbers {
  const { data } = numbers;
  const chosen = data.slice();
  for (const [k, rank] of ranks.entries()) chosen[k] = data[rank] as number;
  return { ...numbers, data: chosen } as Numbers;
}

/** Where weight i, counted (row, row of the kernel, its column, channel), is in ONNX' order. */
export function order({ kernel, channels }: Window): (i: number) => number {
  const taps = kernel[0] * kernel[1];
  const cols = taps * channels;
  return (i) => {
    const at = i % cols;
    return i - at + (at % channels) * taps + Math.floor(at / channels);
  };
}

export function isSameOrder({ kernel, channels }: Window): boolean {
  return channels === 1 || kernel[0] * kernel[1] === 1;
}

function cast(
  graph: OnnxGraph,
  value: string,
  to: "float" | "int32" | "int64",
  wanted: string,
): string {
  return graph.node("Cast", [value], wanted, { to: elementType(to) });
}

export function reshape(
  graph: OnnxGraph,
  value: string,
  shape: readonly number[],
  wanted: string,
): string {
  return graph.node("Reshape", [value, graph.integers(shape)], wanted);
}
