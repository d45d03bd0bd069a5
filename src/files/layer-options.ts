import type { LayerSpec } from "../net/network.ts";
import { bad } from "./safetensors.ts";
import { shown } from "./shown.ts";

/** What an option may be, in words and as a test; `network` checks ranges. */
type Rule = readonly [words: string, test: (value: unknown) => boolean];

const number: Rule = ["a number", Number.isFinite];
const count: Rule = [
  "a whole number from 1",
  (value) => Number.isInteger(value) && Number(value) > 0,
];
const fraction: Rule = [
  "a number from 0, below 1",
  (value) => typeof value === "number" && value >= 0 && value < 1,
];
const text: Rule = ["text", (value) => typeof value === "string"];
const flag: Rule = ["true or false", (value) => typeof value === "boolean"];
const isPair = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 2 && value.every(Number.isInteger);
const pair: Rule = ["two whole numbers", isPair];
const padding: Rule = [
  '"same", "valid" or two whole numbers',
  (value) => value === "same" || value === "valid" || isPair(value),
];

/** The options of every kind of layer; those with a true must be there. */
type Options = Readonly<Record<string, Rule | readonly [...Rule, needed: true]>>;
const needed = ([words, test]: Rule) => [words, test, true] as const;
const pooling: Options = { size: needed(pair), stride: pair, padding };

const kinds: Readonly<Record<LayerSpec["kind"], Options>> = {
  dense: { name: needed(text), units: needed(count), bias: flag },
  conv2d: {
    ...{ name: needed(text), filters: needed(count), kernel: needed(pair) },
    ...{ stride: pair, padding, bias: flag },
  },
  maxPool: pooling,
  averagePool: pooling,
  globalAveragePool: {},
  flatten: {},
  tanh: {},
  relu: {},
  sigmoid: {},
  batchNorm: { name: needed(text), epsilon: number, momentum: number },
  dropout: { rate: needed(fraction) },
  localResponseNorm: { size: count, alpha: number, beta: number, k: number },
  add: { with: needed(text) },
};

/** @throws LCError LC_FILE if layer `i` of a description is of no known kind, or an option is no such thing. */
export function checkLayer(spec: Readonly<Record<string, unknown>>, i: number): void {
  const kind = String(spec.kind);
  if (!Object.hasOwn(kinds, kind)) {
    throw bad(
      `layer ${i} is of the unknown kind ${shown(kind)}; known are ${Object.keys(kinds).join(", ")}`,
    );
  }
  const options: Options = { name: text, from: text, ...kinds[kind as LayerSpec["kind"]] };
  for (const [option, [words, test, must]] of Object.entries(options)) {
    const value = spec[option];
    if (value === undefined ? !must : test(value)) continue;
    const got = value === undefined ? "nothing" : shown(JSON.stringify(value));
    throw bad(`layer ${i} (${kind}): ${option} must be ${words}, got ${got}`);
  }
}
