import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { hashData, type Recipe, recipeOf } from "../data/recipe.ts";
import { digest, type RunOptions, runSpec } from "../lc/run-options.ts";
import type { LCState, PlanSpec } from "../lc/state.ts";
import type { LayerSpec, Loss, Model, Shape, Weights } from "../net/network.ts";

/** What `run.json` says of a run: enough to make it again, given its data. */
export interface RunRecord {
  readonly format: 1;
  readonly created: string;
  /** Versions it was begun with. */
  readonly lclab: string;
  readonly node: string;
  readonly platform: string;
  /** Commit of the repository in the working directory; null outside of one. */
  readonly git: string | null;
  readonly network: {
    readonly name: string;
    readonly input: Shape;
    readonly loss: Loss;
    readonly layers: readonly LayerSpec[];
  };
  readonly plan: PlanSpec;
  readonly run: LCState["run"];
  readonly seed: number;
  readonly tolerance: number;
  readonly evaluate: "every" | "ends" | "last" | "never";
  readonly engine: string;
  /** SHA-256 of the weights it starts from. */
  readonly start: string;
  readonly data: {
    readonly source: string;
    readonly sha256: string;
    /** How to read the data again; null for the user's own. */
    readonly recipe: Recipe | null;
  };
}

/** Describes a run that is about to begin. */
export async function recordOf(
  { network }: Model,
  plan: PlanSpec,
  options: RunOptions,
  engine: string,
  weights: Weights,
): Promise<RunRecord> {
  const { data, seed = 0, tolerance = 0, evaluate = "every" } = options;
  return {
    format: 1,
    created: new Date().toISOString(),
    lclab: version(),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    git: await commit(),
    network: {
      name: network.name,
      input: network.input,
      loss: network.loss,
      layers: network.layers.map(({ spec }) => spec),
    },
    plan,
    run: runSpec(options),
    ...{ seed, tolerance, evaluate, engine },
    start: digest(weights),
    data: { source: data.source, sha256: await hashData(data), recipe: recipeOf(data) ?? null },
  };
}

/** Version of this library. */
export function version(): string {
  return (createRequire(import.meta.url)("lclab/package.json") as { version: string }).version;
}

async function commit(): Promise<string | null> {
  return promisify(execFile)("git", ["rev-parse", "HEAD"]).then(
    ({ stdout }) => stdout.trim(),
    () => null,
  );
}

/**
 * The first thing in which two runs differ, in words; what does not change the numbers of a step may: versions, engine name,
 * evaluation, tolerance, and μ beyond the steps of the shorter schedule.
 */
export function differenceOf(was: RunRecord, now: RunRecord): string | undefined {
  const steps = Math.min(was.run.mu.length, now.run.mu.length);
  const pairs: Readonly<Record<string, readonly [unknown, unknown]>> = {
    network: [was.network, now.network],
    "plan.parameters": [was.plan.parameters, now.plan.parameters],
    ...Object.fromEntries(
      Array.from({ length: Math.max(was.plan.tasks.length, now.plan.tasks.length) }, (_, i) => [
        `task ${i + 1}`,
        [was.plan.tasks[i] ?? "not there", now.plan.tasks[i] ?? "not there"],
      ]),
    ),
    lStep: [was.run.lStep, now.run.lStep],
    mu: [was.run.mu.slice(0, steps), now.run.mu.slice(0, steps)],
    seed: [was.seed, now.seed],
    data: [was.run.data, now.run.data],
    "bytes of the data (SHA-256)": [was.data.sha256, now.data.sha256],
    "start (SHA-256 of the weights)": [was.start, now.start],
    importance: [was.run.importance ?? "none", now.run.importance ?? "none"],
  };
  const differing = Object.entries(pairs)
    .map(([name, values]) => [name, ...values.map((value) => JSON.stringify(value))] as const)
    .filter(([, a, b]) => a !== b)
    .map(([name, a, b]) => `${name} was ${short(a)}, got ${short(b)}`);
  return differing.length > 0 ? differing.join("; ") : undefined;
}

function short(json = "nothing"): string {
  return json.length <= 120 ? json : `${json.slice(0, 117)}…`;
}
