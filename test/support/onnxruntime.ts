import { createRequire } from "node:module";
import type { InferenceSession, Tensor } from "onnxruntime-web";

/** What both packages of ONNX Runtime have. */
export interface OnnxRuntime {
  readonly InferenceSession: { create(bytes: Uint8Array): Promise<InferenceSession> };
  readonly Tensor: new (
    type: "float32" | "uint8",
    data: Float32Array | Uint8Array,
    dims: readonly number[],
  ) => Tensor;
}

const load = createRequire(import.meta.url);

/** onnxruntime-web's WebAssembly, on one thread. */
export function onnxruntimeWeb(): OnnxRuntime {
  const ort = load("onnxruntime-web") as OnnxRuntime & { env: { wasm: { numThreads: number } } };
  ort.env.wasm.numThreads = 1;
  return ort;
}

/** onnxruntime-node, or why it is missing and how to get it: it takes 290 MB. */
export function onnxruntimeNode():
  | { readonly runtime: OnnxRuntime }
  | { readonly runtime: undefined; readonly missing: string } {
  try {
    return { runtime: load("onnxruntime-node") as OnnxRuntime };
  } catch (error) {
    const [what] = (error as Error).message.split("\n");
    return {
      runtime: undefined,
      missing: `it does not load (${what}); write npm install --no-save --ignore-scripts onnxruntime-node`,
    };
  }
}

/** The model's outputs for `examples` inputs, one after the other. */
export async function outputsOf(
  { InferenceSession, Tensor }: OnnxRuntime,
  file: Uint8Array,
  input: Float32Array | Uint8Array,
  shape: readonly number[],
): Promise<{ readonly dims: readonly number[]; readonly data: Float32Array }> {
  const session = await InferenceSession.create(file);
  try {
    const type = input instanceof Uint8Array ? "uint8" : "float32";
    const { output } = await session.run({ input: new Tensor(type, input, shape) });
    return { dims: output?.dims ?? [], data: output?.data as Float32Array };
  } finally {
    await session.release();
  }
}
