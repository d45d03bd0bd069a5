import { cSteps } from "./c-steps.ts";
import { parallel } from "./parallel.ts";
import { schedule } from "./schedule.ts";
import { storage } from "./storage.ts";
import { timeline } from "./timeline.ts";
import { weights } from "./weights.ts";

/** Figures of what a run or a sweep has given; each shows itself as the last line of a cell. */
export const figures: {
  readonly storage: typeof storage;
  readonly weights: typeof weights;
  readonly cSteps: typeof cSteps;
  readonly schedule: typeof schedule;
  readonly parallel: typeof parallel;
  readonly timeline: typeof timeline;
} = Object.freeze({ storage, weights, cSteps, schedule, parallel, timeline });
