/** Text as SVG. */
import { escapeMarkup } from "../text.ts";

/** Attributes in the order given; undefined ones are left out, numbers rounded to a tenth. */
export function attributes(all: Readonly<Record<string, string | number | undefined>>): string {
  return Object.entries(all)
    .filter(([, value]) => value !== undefined)
    .map(
      ([name, value]) =>
        ` ${name}="${typeof value === "number" ? tenth(value) : escapeMarkup(value ?? "")}"`,
    )
    .join("");
}

/** One decimal at most, so that the bytes of a drawing do not depend on the last bits of a logarithm. */
export function tenth(value: number): string {
  return String(Math.round(value * 10) / 10 + 0);
}
