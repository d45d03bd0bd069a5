import { type Convention, isInstance, ownValue } from "./convention.ts";
import { first, type Numbers, range } from "./numbers.ts";

// A cell may overwrite any global: the runtime keeps those it started with.
const { Array, JSON } = globalThis;

/** Values of larger tensors are not fetched: a backend may have to copy them. 16 MiB of float32. */
const mostFetched = 2 ** 22;

/** tf.Tensor and tf.Variable of TensorFlow.js: shape, type, range and first values. */
export const tensor: Convention = {
  name: "TensorFlow.js",
  of(value) {
    const shape = ownValue(value, "shape");
    const dtype = ownValue(value, "dtype");
    if (!Array.isArray(shape) || typeof dtype !== "string") return undefined;
    if (!isInstance(value, ["dataSync", "dispose"], ["isDisposed", "rank"])) return undefined;
    return () => ({ "text/plain": summary(value as Tensor, shape, dtype) });
  },
};

interface Tensor {
  isDisposed: boolean;
  size: number;
  /** Of a Variable, with its name. */
  trainable?: boolean;
  name?: string;
  dataSync(): Numbers | readonly string[];
}

function summary(tensor: Tensor, shape: readonly number[], dtype: string): string {
  const { trainable, name } = tensor;
  const kind = trainable === undefined ? "Tensor" : `Variable ${JSON.stringify(name)}`;
  const fixed = trainable === false ? " · not trainable" : "";
  const head = `${kind} ${dtype} ${shape.length === 0 ? "scalar" : shape.join(" × ")}${fixed}`;
  if (tensor.isDisposed) return `${head} · disposed`;
  if (tensor.size > mostFetched)
    return `${head} · ${tensor.size.toLocaleString("en-US")} values, too many to fetch`;
  const values = tensor.dataSync();
  if (dtype === "complex64") return `${head}\n${first(pairs(values as ArrayLike<number>))}`;
  const facts = dtype === "string" || values.length === 1 ? "" : ` · ${range(values as Numbers)}`;
  return `${head}${facts}\n${first(values)}`;
}

/** Real and imaginary parts alternate. */
function pairs(parts: ArrayLike<number>): { real: number; imag: number }[] {
  return Array.from({ length: parts.length / 2 }, (_, i) => ({
    real: parts[2 * i],
    imag: parts[2 * i + 1],
  }));
}
