import type { Numbers, Part } from "../compression/parts.ts";
import { layerParts } from "../lc/layer-parts.ts";
import type { LCState } from "../lc/state.ts";
import type { Network, Parameter, Weights } from "../net/network.ts";
import { displaySymbol } from "../notebook.ts";
import { atOnce } from "../rest.ts";
import { writeDurably } from "../runs/durable.ts";
import { table } from "../table/table.ts";
import { grouped } from "../text.ts";
import type { ExportedFile } from "./exported.ts";
import type { CompressedModel } from "./file.ts";
import { type NpyArray, readNpy, writeNpy } from "./npy.ts";
import { reordered, reorderedSparse, type Window } from "./onnx-weights.ts";
import { MOST_BYTES, readAtMost } from "./read.ts";
import { bad, checkMaxBytes, located } from "./safetensors.ts";
import { shown } from "./shown.ts";
import { fromTorch, type TorchParameter, torchParameter } from "./torch-layout.ts";
import { readZip, writeZip } from "./zip.ts";

export interface NpzOptions {
  /** True: as np.savez_compressed. Default false: as np.savez. */
  readonly compressed?: boolean;
  /** w by parameter key, e.g. the weights of the reference. Default: those that the solution's state has, of a run. */
  readonly weights?: Weights;
}

/**
 * Saves a solution as NumPy's .npz: `np.load` opens it. All arrays are as PyTorch has them: kernels [outputs, channels,
 * height, width], matrices [outputs, inputs], images channels first also where a dense layer reads them as a row.
 *
 * For each compressed layer `fc1`: `fc1.w`, the weights w, if there are any (see `weights`); `fc1.delta`, Δ(θ); and of each
 * summand, from 0 on, what θ consists of:
 * - a codebook: `fc1.0.codebook` [K], or [outputs, K] with one per channel, and `fc1.0.index`, of the shape of w;
 * - kept weights: `fc1.0.positions` in w.ravel(), ascending, and `fc1.0.values`;
 * - low rank: `fc1.0.u` [m, r] and `fc1.0.v` [r, n]; with scheme 2 m = outputs · height, n = channels · width;
 * - numbers as they are: `fc1.0.values`; halves are float16. Compressed insides have names of their own, `fc1.0.u.codebook`.
 *
 * Layers of a joint task have each their own share. A compression of one's own has no θ here, only Δ(θ). All other parameters
 * are there as `fc1.b`, `bn.gamma`, …
 * @returns The file's bytes, and a row per array.
 * @throws RangeError for `weights` of another length; LCError LC_DISK if it cannot be written; LC_FILE beyond 4 GiB.
 * @example
 * await saveNpz(solution, "net.npz");   // Python: np.load("net.npz")["fc1.delta"]
 */
export async function saveNpz(
  solution: CompressedModel & { readonly state?: Pick<LCState, "weights"> },
  path: string,
  options: NpzOptions = {},
): Promise<ExportedFile> {
  const { compressed = false, weights = solution.state?.weights ?? {} } = options;
  const arrays = arraysOf(solution, weights);
  const files = new Map(
    [...arrays].map(([name, { dtype, shape, data }]) => [
      `${name}.npy`,
      writeNpy(dtype, shape, data),
    ]),
  );
  const bytes = await writeZip(files, compressed);
  await writeDurably(path, bytes);
  const details = table(
    [{ name: "array" }, { name: "type" }, { name: "shape" }, { name: "bytes", format: grouped }],
    [
      ...[...arrays].map(([name, { dtype, shape, data }]) => [
        ...[name, dtype, shape.join(" × "), data.byteLength],
      ]),
      ["whole file", "", "", bytes.length],
    ],
  );
  return Object.freeze({
    ...{ path, bytes: bytes.length, table: details },
    [displaySymbol]: () => details[displaySymbol](),
  });
}

/**
 * Reads the arrays of an .npz file, as np.savez and np.savez_compressed write them: numbers of any type and order. Objects, which
 * are pickles and can run code, are refused.
 * @param options `maxBytes`: that the arrays may take, float16 as the float32 that they become; default 4 GiB. Nothing is
 *   decompressed that would take more.
 * @returns By name.
 * @throws LCError LC_FILE if the file is damaged, of another kind, or too large; LC_DISK if it cannot be read.
 * @example
 * const { "fc1.weight": w } = await loadNpz("net.npz");   // w?.shape, w?.data
 */
export async function loadNpz(
  path: string,
  options: { readonly maxBytes?: number } = {},
): Promise<Readonly<Record<string, NpyArray>>> {
  const { maxBytes = MOST_BYTES } = options;
  checkMaxBytes("loadNpz", maxBytes);
  const bytes = await readAtMost(path, maxBytes);
  try {
    let left = maxBytes;
    const arrays = await readZip(bytes, maxBytes, (file, content) => {
      const found = arrayIn(file, content, left);
      left -= found[1].data.byteLength;
      return found;
    });
    return Object.freeze(Object.fromEntries(arrays.values()));
  } catch (cause) {
    throw located(path, cause);
  }
}

function arrayIn(file: string, content: Uint8Array, maxBytes: number): readonly [string, NpyArray] {
  const name = file.replace(/\.npy$/, "");
  if (name === file) throw bad(`${shown(file)} is no array: its name must end in .npy`);
  try {
    return [name, readNpy(content, maxBytes)];
  } catch (cause) {
    throw located(`array ${shown(name)}`, cause);
  }
}

/**
 * The weights of `network` from an .npz file with PyTorch's layout and order, e.g. of a state_dict:
 * `np.savez("net.npz", **{k: v.numpy() for k, v in net.state_dict().items()})`.
 *
 * An array is found by our key (`fc1.w`, `fc1.b`, `bn.gamma`, `bn.beta`, `bn.mean`, `bn.variance`) or by PyTorch's (`fc1.weight`,
 * `fc1.bias`, `bn.weight`, `bn.bias`, `bn.running_mean`, `bn.running_var`). Other arrays are left alone.
 * @param options `names`: the array's name for a parameter's key, where they have other names; undefined: the usual ones.
 *   `maxBytes`: as for `loadNpz`.
 * @throws RangeError naming each array that is missing or of another shape; LCError as `loadNpz`.
 * @example
 * const net = model(lenet5().network, await fromNpz(lenet5().network, "lenet5.npz"));
 * // What `saveNpz` wrote, compressed: names: (key) => key.replace(/\.w$/, ".delta")
 */
export async function fromNpz(
  network: Network,
  path: string,
  options: {
    readonly names?: (key: string) => string | undefined;
    readonly maxBytes?: number;
  } = {},
): Promise<Weights> {
  const { names, ...limits } = options;
  const arrays = await loadNpz(path, limits);
  const problems: string[] = [];
  const weights = network.parameters.map((parameter): [string, Float32Array] => {
    const wanted = names?.(parameter.key);
    const usual = [parameter.key, `${parameter.layer}.${torchNames[parameter.role]}`];
    const tried = wanted === undefined ? usual : [wanted];
    const name = tried.find((one) => Object.hasOwn(arrays, one));
    const { shape, window } = torchParameter(network, parameter);
    const expected = `(${shape.join(", ")})`;
    if (name === undefined) {
      problems.push(`no ${tried.map(shown).join(" or ")} ${expected}`);
      return [parameter.key, new Float32Array()];
    }
    const { dtype, shape: got, data } = arrays[name] as NpyArray;
    if (got.join() !== shape.join()) {
      problems.push(`${shown(name)} is (${got.join(", ")}), not ${expected}`);
    } else if (!dtype.startsWith("float")) {
      problems.push(`${shown(name)} is ${dtype}, not float16, float32 or float64`);
    } else return [parameter.key, fromTorch(data as ArrayLike<number>, window)];
    return [parameter.key, new Float32Array()];
  });
  if (problems.length === 0) return Object.fromEntries(weights);
  throw new RangeError(
    `fromNpz: ${path} has ${problems.join("; ")}. Arrays must be as PyTorch has them; the file has ${Object.keys(arrays).join(", ")}. If they have other names, write names: (key) => …; transpose in Python.`,
  );
}

/** PyTorch's names of the arrays of a layer. */
const torchNames: Readonly<Record<Parameter["role"], string>> = {
  ...{ w: "weight", gamma: "weight", b: "bias", beta: "bias" },
  ...{ mean: "running_mean", variance: "running_var" },
};

/** All arrays of a solution, by name. */
function arraysOf(solution: CompressedModel, weights: Weights): ReadonlyMap<string, NpyArray> {
  const { network, weights: deltas } = solution.model;
  const parts = atOnce(layerParts(solution));
  const arrays = new Map<string, NpyArray>();
  for (const parameter of network.parameters) {
    const { key, layer, rows, cols, compressible } = parameter;
    const place = torchParameter(network, parameter);
    const put = (name: string, values: Float32Array | undefined): void => {
      if (!values) return;
      const { data } = reordered({ kind: "floats", data: values }, place.window);
      arrays.set(name, { dtype: "float32", shape: place.shape, data });
    };
    if (!(compressible && Object.hasOwn(solution.thetas, layer))) {
      put(key, deltas[key]);
      continue;
    }
    const w = weights[key];
    if (w && w.length !== rows * cols) {
      throw new RangeError(
        `saveNpz: weights[${JSON.stringify(key)}] must have ${grouped(rows * cols)} numbers, got ${grouped(w.length)}. Write weights: reference.weights.`,
      );
    }
    put(key, w);
    put(`${layer}.delta`, deltas[key]);
    for (const [i, part] of (parts.get(layer) ?? []).entries()) {
      for (const [name, array] of partArrays(part, place))
        arrays.set(`${layer}.${i}.${name}`, array);
    }
  }
  return arrays;
}

type Named = readonly (readonly [string, NpyArray])[];

/** What a summand consists of. */
function partArrays(part: Part, { shape, window }: TorchParameter): Named {
  if (part.kind === "all") return numbersArrays("", reordered(part.numbers, window), shape);
  if (part.kind === "sparse") {
    const { positions, numbers } = reorderedSparse(part, window);
    return [
      ["positions", { dtype: "uint32", shape: [positions.length], data: positions }],
      ...numbersArrays("values", numbers, [positions.length]),
    ];
  }
  const { rows, cols, height, rank, u, v } = part;
  const columns: Window =
    height > 1 ? { kernel: [1, window.kernel[1]], channels: window.channels } : window;
  return [
    ...numbersArrays("u", u, [rows * height, rank]),
    ...numbersArrays("v", reordered(v, columns), [rank, cols / height]),
  ];
}

/** Numbers by themselves, or with their codebook; `name` is empty for all weights of a layer. */
function numbersArrays(name: string, numbers: Numbers, shape: readonly number[]): Named {
  const { data } = numbers;
  if (numbers.kind === "floats") {
    return [[name || "values", { dtype: "float32", shape, data: numbers.data }]];
  }
  if (numbers.kind === "halves") return [[name || "values", { dtype: "float16", shape, data }]];
  const { levels, books } = numbers;
  const codebook = books > 1 ? [books, levels.length / books] : [levels.length];
  const dtype = data instanceof Uint8Array ? "uint8" : "uint16";
  const prefix = name && `${name}.`;
  return [
    [`${prefix}codebook`, { dtype: "float32", shape: codebook, data: levels }],
    [`${prefix}index`, { dtype, shape, data }],
  ];
}
