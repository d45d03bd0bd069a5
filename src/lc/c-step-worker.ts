import { parentPort } from "node:worker_threads";
import type { CompressionSpec, CStepContext } from "../compression/contract.ts";
import { fromSpec } from "../compression/from-spec.ts";
import { isLCError } from "../errors.ts";
import type { Matrix } from "../math/matrix.ts";

interface Job {
  readonly spec: CompressionSpec;
  readonly w: Matrix<Float64Array>;
  readonly context: CStepContext<unknown>;
}

parentPort?.on("message", ({ spec, w, context }: Job) => {
  try {
    parentPort?.postMessage({ result: fromSpec(spec).solve(w, context) });
  } catch (error) {
    // A structured clone keeps the class of built-in errors only.
    const code = isLCError(error) ? error.code : undefined;
    parentPort?.postMessage({ error, code });
  }
});
