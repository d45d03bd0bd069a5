import type { LivePanel } from "../curves.ts";
import { styleOf } from "../palette.ts";

/** Training loss, logarithmic: L(w) after every epoch, and L(Δ(Θ)) of the compressed network after every C step. */
export function loss(): LivePanel {
  return {
    title: "Training loss",
    y: { title: "loss", scale: "log" },
    curves: [
      {
        name: "L(w)",
        style: { ...styleOf(0), dash: "solid" },
        markers: false,
        // NaN at direct compression, where nothing is trained yet.
        value: (record) => (Number.isNaN(record.loss) ? undefined : record.loss),
      },
      {
        name: "L(Δ(Θ))",
        style: { ...styleOf(1), dash: "solid" },
        markers: true,
        value: (record) => (record.kind === "step" ? record.trainLoss : undefined),
      },
    ],
  };
}
