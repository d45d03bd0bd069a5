import { attributes } from "../charts/markup.ts";
import { short as rounded } from "../charts/numbers.ts";
import type { Quantized } from "../compression/codebook.ts";
import { partsOf } from "../compression/contract.ts";
import type { Task } from "../lc/task.ts";
import { escapeMarkup } from "../text.ts";

/** A codebook somewhere in a θ, with how many weights have each level. */
interface Book {
  readonly levels: ArrayLike<number>;
  readonly counts: ArrayLike<number>;
}

const [width, height, edge] = [520, 26, 12];
/** Dots of one line; channels together may have many more. */
const MOST_DOTS = 2000;

const short = (x: number): string => rounded(x).replace("-", "−");

/** A line for each part with codebooks: its levels as dots, the larger the more weights have it. Empty if there is none. */
export function codebooks(tasks: readonly Task[], thetas: readonly unknown[]): string {
  const lines = tasks.flatMap(({ layers, compression }, i) => {
    const parts = partsOf(compression);
    return parts.flatMap((part, p) => {
      const theta = parts.length > 1 ? (thetas[i] as readonly unknown[])[p] : thetas[i];
      const books = booksIn(theta);
      return books.length > 0 ? [line(layers.join(" + "), part.name, books)] : [];
    });
  });
  return lines.length > 0
    ? `<div class="wide"><table class="books"><tbody>\n${lines.join("\n")}\n</tbody></table></div>`
    : "";
}

function line(layers: string, part: string, books: readonly Book[]): string {
  let [least, most, all] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const { levels, counts } of books) {
    for (let k = 0; k < levels.length; k++) {
      least = Math.min(least, levels[k] as number);
      most = Math.max(most, levels[k] as number);
      all = Math.max(all, counts[k] as number);
    }
  }
  const span = most - least;
  const place = (x: number): number =>
    span > 0 ? edge + ((x - least) / span) * (width - 2 * edge) : width / 2;
  // Those of channels lie upon each other.
  const largest = books.length > 1 ? 2 : 6;
  const dots: string[] = [];
  for (const { levels, counts } of books) {
    for (let k = 0; k < levels.length && dots.length < MOST_DOTS; k++) {
      const r = 1.5 + largest * Math.sqrt((counts[k] as number) / all);
      dots.push(`<circle${attributes({ cx: place(levels[k] as number), cy: height / 2, r })}/>`);
    }
  }
  const label = `${layers}, ${part}: levels from ${short(least)} to ${short(most)}`;
  const root = attributes({
    ...{ viewBox: `0 0 ${width} ${height}`, width, height },
    ...{ role: "img", "aria-label": label, class: "dots" },
  });
  const many = books.length > 1 ? `, ${books.length} codebooks` : "";
  return `<tr><td>${escapeMarkup(layers)}</td><td>${escapeMarkup(part + many)}</td><td class="n">${short(least)}</td><td><svg${root}><path d="M${edge} ${height / 2}H${width - edge}"/><g>${dots.join("")}</g></svg></td><td>${short(most)}</td></tr>`;
}

/** All codebooks in a θ: its own, those of its channels, and of its kept values or factors. */
function booksIn(theta: unknown): Book[] {
  if (typeof theta !== "object" || theta === null || ArrayBuffer.isView(theta)) return [];
  if ("levels" in theta && "assignments" in theta) {
    const { levels, assignments } = theta as Quantized;
    const counts = new Uint32Array(levels.length);
    for (const code of assignments) counts[code] = (counts[code] as number) + 1;
    return [{ levels, counts }];
  }
  return Object.values(theta).flatMap(booksIn);
}
