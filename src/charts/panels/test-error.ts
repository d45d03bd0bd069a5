import type { LivePanel } from "../curves.ts";
import { styleOf } from "../palette.ts";

/** Test error in percent: of the compressed network Δ(Θ) after every C step; of the network itself in plain training. */
export function testError(): LivePanel {
  return {
    title: "Test error",
    y: { title: "test error %", scale: "linear" },
    curves: [
      {
        name: "test error",
        style: { ...styleOf(4), dash: "solid" },
        markers: true,
        value: (record) => record.testError,
      },
    ],
  };
}
