/**
 * A chart as HTML that needs no network: the static drawing, the numbers in a table, and a few lines of script
 * that make it interactive where the page has Plotly (see offline.ts).
 */

import { escapeMarkup } from "../text.ts";
import type { Chart, NumbersTable } from "./chart.ts";
import { short } from "./numbers.ts";
import { svg } from "./svg.ts";

/** Rows that the table shows; more would make the notebook heavy. */
const mostRows = 200;

/** `plotly` is the figure for Plotly, as plain data. */
export function html(chart: Chart, plotly: object): string {
  return [
    '<div class="lclab-figure">',
    `<div>${svg(chart)}</div>`,
    chart.table.rows.length > 0 ? tableMarkup(chart.table) : "",
    `<script type="application/json">${inScript(JSON.stringify(plotly))}</script>`,
    `<script>${upgrade}</script>`,
    "</div>",
  ].join("\n");
}

/** JSON that cannot end the script element around it. */
function inScript(json: string): string {
  return json.replaceAll("<", "\\u003c");
}

function tableMarkup({ columns, rows }: NumbersTable): string {
  const cell = (value: string | number): string =>
    typeof value === "number"
      ? `<td style="text-align:right">${short(value)}</td>`
      : `<td>${escapeMarkup(value)}</td>`;
  // The newest rows are the ones asked for.
  const shown = rows.slice(-mostRows);
  const left = rows.length - shown.length;
  return [
    `<details><summary>Numbers${left > 0 ? ` (last ${shown.length} of ${rows.length} rows)` : ""}</summary><table>`,
    `<thead><tr>${columns.map((name) => `<th>${escapeMarkup(name)}</th>`).join("")}</tr></thead><tbody>`,
    ...shown.map((row) => `<tr>${row.map(cell).join("")}</tr>`),
    "</tbody></table></details>",
  ].join("\n");
}

/**
 * Runs in the page. Plotly may stand before the figure or after it, so it is looked for now and when the page is
 * loaded. Text takes the page's colour, as in the drawing that it replaces.
 */
const upgrade = `(() => {
const root = document.currentScript && document.currentScript.parentElement;
if (!root) return;
const draw = () => {
if (!window.Plotly || root.dataset.lclabDrawn) return;
root.dataset.lclabDrawn = "1";
const figure = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
figure.layout.font = Object.assign({ color: getComputedStyle(root).color }, figure.layout.font);
const place = root.firstElementChild;
place.textContent = "";
place.style.height = figure.layout.height + "px";
Plotly.newPlot(place, figure.data, figure.layout, figure.config);
};
draw();
addEventListener("load", draw);
})();`;
