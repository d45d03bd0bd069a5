import type { LivePanel } from "../curves.ts";
import { styleOf } from "../palette.ts";

/** The penalty μ/2 ‖w − Δ(Θ) − λ/μ‖², logarithmic; where it is 0 (μ = 0) the curve has a gap. */
export function penalty(): LivePanel {
  return {
    title: "Penalty μ/2 ‖w − Δ(Θ) − λ/μ‖²",
    y: { title: "penalty", scale: "log" },
    curves: [
      {
        name: "penalty",
        style: { ...styleOf(2), dash: "solid" },
        markers: false,
        value: (record) => record.penalty,
      },
    ],
  };
}
