import type { Split } from "../data/dataset.ts";
import type { Evaluation } from "../engine/engine.ts";
import { panels } from "../engine/packing.ts";
import { size } from "../engine/stages.ts";
import * as layout from "../engine/wasm/assembly/layout.ts";
import { reserve } from "../engine/wasm/memory.ts";
import { instantiate, type Kernels, kernelModule } from "../engine/wasm/module.ts";
import { LCError } from "../errors.ts";
import type { Network } from "../net/network.ts";
import { rest } from "../rest.ts";
import type { Inference } from "./program.ts";

/** Examples: x as the network sees it, or pixels. */
type Examples = Float32Array | Uint8Array;

/** A memory with everything in it, through the host's views. */
interface Memory {
  readonly kernels: Kernels;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly floats: Float32Array;
  readonly doubles: Float64Array;
}

/** Runs the passes of a compiled network on the caller's thread. */
export class Runner {
  readonly #plan: Omit<Inference, "pieces">;
  readonly #mean: Float32Array | undefined;
  readonly #inputs: number;
  readonly #outputs: number;
  /** How the inputs are called in messages. */
  readonly #shape: string;
  /** Undefined once closed. */
  #memory: Memory | undefined;

  private constructor(
    plan: Omit<Inference, "pieces">,
    network: Network,
    mean: Float32Array | undefined,
    memory: Memory,
  ) {
    this.#plan = plan;
    this.#mean = mean?.slice();
    this.#inputs = size(network.input);
    this.#outputs = size(network.layers.at(-1)?.outputShape ?? []);
    this.#shape = `${network.input.join(" × ")} = ${this.#inputs} values`;
    this.#memory = memory;
  }

  /** @throws LCError LC_MEMORY if there is no room. */
  static async start(
    { pieces, ...plan }: Inference,
    network: Network,
    mean: Float32Array | undefined,
  ): Promise<Runner> {
    const module = await kernelModule();
    const needed = `${(plan.bytes / 2 ** 20).toFixed(1)} MiB`;
    const what = `inference of "${network.name}"`;
    const wasm = reserve(plan.bytes, what, needed, {
      smaller: "Compress more of its layers, or take a smaller network.",
      machine: "Compress more of its layers, or take a smaller network or a larger machine.",
      close: "Close other predictors first.",
    });
    const memory: Memory = {
      kernels: instantiate(module, wasm),
      bytes: new Uint8Array(wasm.buffer),
      words: new Int32Array(wasm.buffer),
      floats: new Float32Array(wasm.buffer),
      doubles: new Float64Array(wasm.buffer),
    };
    for (const { offset, bytes } of pieces) {
      memory.bytes.set(bytes, offset);
      await rest();
    }
    memory.kernels.step(plan.prepare, plan.control, 0, 1, plan.scratch);
    return new Runner(plan, network, mean, memory);
  }

  async logits(who: string, x: Examples): Promise<Float32Array> {
    const count = this.#count(who, x);
    const outputs = this.#outputs;
    const stride = panels(outputs) * layout.PANEL * layout.BLOCK_ROWS;
    const all = new Float32Array(count * outputs);
    const { infer, output } = this.#plan;
    await this.#passes(who, x, count, infer, ({ floats }, first, rows) => {
      for (let n = 0, to = first * outputs; n < rows; n++) {
        const from = output / 4 + (n >> 4) * stride + (n & 15) * layout.PANEL;
        for (let i = 0; i < outputs; i++, to++) {
          all[to] = floats[from + (i >> 3) * PANEL_FLOATS + (i & 7)] as number;
        }
      }
    });
    return all;
  }

  async evaluate({ images, labels, count }: Split): Promise<Evaluation> {
    const who = "evaluate";
    this.#count(who, images);
    const { evaluate, control } = this.#plan;
    let [loss, errors] = [0, 0];
    const add = ({ words, doubles }: Memory) => {
      loss += doubles[(control + layout.LOSS_SUM) / 8] as number;
      errors += words[(control + layout.ERRORS) / 4] as number;
    };
    await this.#passes(who, images, count, evaluate, add, labels);
    return { loss: count > 0 ? loss / count : 0, errors, count };
  }

  close(): void {
    this.#memory = undefined;
  }

  /** Runs `program` on all examples. `use` reads the results of a pass before any other call can have one. */
  async #passes(
    who: string,
    x: Examples,
    count: number,
    program: number,
    use: (memory: Memory, first: number, rows: number) => void,
    labels?: Uint8Array,
  ): Promise<void> {
    const { chunk, control, scratch, labels: labelsAt } = this.#plan;
    for (let first = 0; first < count; first += chunk) {
      if (first > 0) await rest();
      const memory = this.#open(who);
      const rows = Math.min(chunk, count - first);
      this.#place(who, memory, x, first, rows);
      const set = (offset: number, value: number) => {
        memory.words[(control + offset) / 4] = value;
      };
      set(layout.ROWS, rows);
      set(layout.LABELS, labelsAt);
      set(layout.ERRORS, 0);
      memory.doubles[(control + layout.LOSS_SUM) / 8] = 0;
      if (labels) memory.bytes.set(labels.subarray(first, first + rows), labelsAt);
      memory.kernels.step(program, control, 0, 1, scratch);
      use(memory, first, rows);
    }
  }

  /** @throws RangeError for inputs of another size or kind; LCError LC_ENGINE once closed. */
  #count(who: string, x: Examples): number {
    this.#open(who);
    const isPixels = x instanceof Uint8Array;
    if (!isPixels && !(x instanceof Float32Array)) {
      throw new TypeError(
        `${who}: x must be a Float32Array (pixel / 255 − mean) or a Uint8Array (pixels), got ${Object.prototype.toString.call(x)}.`,
      );
    }
    if (isPixels && !this.#mean) {
      throw new RangeError(
        `${who}: pixels need the mean of the data the network was trained on. Write inference(…, { mean: data.mean }), or give x = pixel / 255 − mean as a Float32Array.`,
      );
    }
    if (x.length % this.#inputs !== 0) {
      throw new RangeError(
        `${who}: x must have whole examples of ${this.#shape}, got ${x.length}, which is ${(x.length / this.#inputs).toFixed(2)} of them.`,
      );
    }
    return x.length / this.#inputs;
  }

  /** Writes examples from `first` on as the input of a pass. */
  #place(who: string, { floats }: Memory, x: Examples, first: number, rows: number): void {
    const inputs = this.#inputs;
    const { input, inputShape } = this.#plan;
    const from = first * inputs;
    const values = x.subarray(from, from + rows * inputs);
    const mean = x instanceof Uint8Array ? this.#mean : undefined;
    if (values instanceof Float32Array) finite(who, values, from, inputs);
    if (inputShape.length < 3) {
      blocked(values, 0, rows, inputs, floats, input / 4, mean);
      return;
    }
    const [height = 0, width = 0, channels = 0] = inputShape;
    const pixels = height * width;
    const image = Math.ceil(pixels / layout.BLOCK_ROWS) * panels(channels) * PANEL_FLOATS;
    for (let n = 0; n < rows; n++) {
      blocked(values, n * inputs, pixels, channels, floats, input / 4 + n * image, mean);
    }
  }

  #open(who: string): Memory {
    if (this.#memory) return this.#memory;
    throw new LCError("LC_ENGINE", `${who}: the predictor is closed. Make a new one.`);
  }
}

/** Numbers of a panel's block. */
const PANEL_FLOATS: number = layout.PANEL_BYTES / 4;

/**
 * Copies `rows` × `cols` numbers, row-major from `at` on, to a blocked matrix (assembly/layout.ts). With the mean of an example they are
 * pixels, and get the bits of the engine's own gather.
 */
function blocked(
  values: Examples,
  at: number,
  rows: number,
  cols: number,
  to: Float32Array,
  offset: number,
  mean: Float32Array | undefined,
): void {
  const stride = panels(cols) * PANEL_FLOATS;
  for (let r = 0, i = at; r < rows; r++) {
    const row = offset + (r >> 4) * stride + (r & 15) * layout.PANEL;
    for (let c = 0; c < cols; c++, i++) {
      const value = values[i] as number;
      to[row + (c >> 3) * PANEL_FLOATS + (c & 7)] = mean
        ? Math.fround(value / 255) - (mean[i % mean.length] as number)
        : value;
    }
  }
}

/** @throws RangeError naming the first of `values` that is NaN or infinite. */
function finite(who: string, values: Float32Array, from: number, inputs: number): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value - value === 0) continue;
    const [example, k] = [Math.floor((from + i) / inputs), (from + i) % inputs];
    throw new RangeError(
      `${who}: x must be finite numbers, got ${value} as value ${k} of example ${example}.`,
    );
  }
}
