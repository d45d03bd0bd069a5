import type { LivePanel } from "../curves.ts";
import { styleOf } from "../palette.ts";

/** Test error of the compressed network Δ(Θ) in percent, after every C step. */
export function testError(): LivePanel {
  return {
    title: "Test error of Δ(Θ)",
    y: { title: "test error %", scale: "linear" },
    curves: [
      {
        name: "test error",
        style: { ...styleOf(4), dash: "solid" },
        markers: true,
        value: (record) => (record.kind === "step" ? record.testError : undefined),
      },
    ],
  };
}
