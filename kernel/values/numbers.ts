import { inspect } from "node:util";

// A cell may overwrite any global: the runtime keeps those it started with.
const { Array, Math, Number, String } = globalThis;

/** Numbers of a typed array or a tensor. */
export type Numbers = ArrayLike<number> | ArrayLike<bigint>;

/** More would take a noticeable time to read: these take about 40 ms. */
const mostRead = 2 ** 22;
const mostBigints = 2 ** 20;
const firstValues = 10;

/** `min … · mean … · max …` of the numbers that are not NaN, and how many are; empty if there are too many to read. */
export function range(values: Numbers): string {
  if (values.length === 0) return "empty";
  if (typeof values[0] === "bigint") return bigintRange(values as ArrayLike<bigint>);
  if (values.length > mostRead) return "";
  const numbers = values as ArrayLike<number>;
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  let nan = 0;
  for (let i = 0; i < numbers.length; i++) {
    const value = numbers[i];
    if (Number.isNaN(value)) {
      nan++;
      continue;
    }
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
  }
  const counted = numbers.length - nan;
  return [
    ...(counted > 0
      ? [`min ${short(min)}`, `mean ${short(sum / counted)}`, `max ${short(max)}`]
      : []),
    ...(nan > 0 ? [`${nan.toLocaleString("en-US")} NaN`] : []),
  ].join(" · ");
}

function bigintRange(values: ArrayLike<bigint>): string {
  if (values.length > mostBigints) return "";
  let min = values[0];
  let max = values[0];
  let sum = 0n;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
  }
  return `min ${min}n · mean ${short(Number(sum) / values.length)} · max ${max}n`;
}

/** `[ 0.1, 0.2, … 998 more ]` */
export function first(values: ArrayLike<unknown>): string {
  const shown = Array.from({ length: Math.min(values.length, firstValues) }, (_, i) => {
    const value = values[i];
    return typeof value === "number" ? short(value) : inspect(value);
  });
  const left = values.length - shown.length;
  if (left > 0) shown.push(`… ${left.toLocaleString("en-US")} more`);
  return shown.length === 0 ? "[]" : `[ ${shown.join(", ")} ]`;
}

/** Whole numbers as they are, others with 4 significant digits. */
function short(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}
