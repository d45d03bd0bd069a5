/** Plotly inside the notebook, for reports that are interactive without a network. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { LCError } from "../errors.ts";
import { displaySymbol } from "../notebook.ts";

/** A value whose display puts Plotly into the notebook. */
export interface OfflineCharts {
  [displaySymbol](): { readonly "text/html": string; readonly "text/plain": string };
}

// From dist/src/charts/ and, where TypeScript runs as it is, from src/charts/.
const places = ["../../plotly.min.js", "../../dist/plotly.min.js"];

/**
 * Shown once in a notebook, makes all its figures interactive in HTML made from it (nbconvert), without a network.
 * Adds 4.8 MB to the notebook; without it the HTML has the static drawings.
 * @throws LCError LC_STATE if the build has not made plotly.min.js.
 * @example
 * offlineCharts()   // as the last line of any cell
 */
export function offlineCharts(): OfflineCharts {
  const file = places
    .map((place) => fileURLToPath(new URL(place, import.meta.url)))
    .find(existsSync);
  if (!file) {
    throw new LCError(
      "LC_STATE",
      "offlineCharts: dist/plotly.min.js is missing. Write npm run build.",
    );
  }
  return {
    [displaySymbol]: () => ({
      // Inside a script element nothing may look like its end.
      "text/html": `<script>${readFileSync(file, "utf8").replaceAll("</script", "<\\/script")}</script>`,
      "text/plain": "Plotly, for figures that are interactive without a network",
    }),
  };
}
