import { parentPort } from "node:worker_threads";
import type { CompressionSpec, CStepContext } from "../compression/contract.ts";
import { fromSpec } from "../compression/from-spec.ts";
import type { Matrix } from "../math/matrix.ts";
import { threadFailure } from "../thread.ts";

interface Job {
  readonly spec: CompressionSpec;
  readonly w: Matrix<Float64Array>;
  readonly context: CStepContext<unknown>;
}

parentPort?.on("message", ({ spec, w, context }: Job) => {
  try {
    parentPort?.postMessage({ result: fromSpec(spec).solve(w, context) });
  } catch (error) {
    parentPort?.postMessage(threadFailure(error));
  }
});
