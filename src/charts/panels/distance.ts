import type { LivePanel } from "../curves.ts";
import { styleOf } from "../palette.ts";

/** ‖w − Δ(Θ)‖ / ‖w‖, logarithmic: how far the weights are from being compressed; each C step lowers it. */
export function distance(): LivePanel {
  return {
    title: "Distance ‖w − Δ(Θ)‖ / ‖w‖",
    y: { title: "distance", scale: "log" },
    curves: [
      {
        name: "‖w−Δ‖/‖w‖",
        style: { ...styleOf(3), dash: "solid" },
        markers: false,
        value: (record) => record.distance,
      },
    ],
  };
}
