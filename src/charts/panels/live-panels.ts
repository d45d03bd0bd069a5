import type { LivePanel } from "../curves.ts";
import { distance } from "./distance.ts";
import { loss } from "./loss.ts";
import { penalty } from "./penalty.ts";
import { testError } from "./test-error.ts";

/** The panels of a live figure. */
export const panels: {
  readonly loss: () => LivePanel;
  readonly penalty: () => LivePanel;
  readonly distance: () => LivePanel;
  readonly testError: () => LivePanel;
} = Object.freeze({ loss, penalty, distance, testError });
