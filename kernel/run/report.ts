import { escapeHtml } from "../html.ts";
import type { Stop } from "./execute.ts";
import { highlight } from "./highlight.ts";
import type { Notebook, NotebookCell } from "./notebook.ts";
import { type OutputRenderer, outputRenderer, renderMarkdown } from "./outputs.ts";
import { style } from "./style.ts";

/** What a report needs besides the notebook. */
export interface ReportOptions {
  /** Shown as the page's title unless the notebook begins with a heading. */
  title: string;
  /** Text of plotly.js, put into the page once if a figure needs it; without it figures are static. */
  plotly?: string | undefined;
  stop?: Stop | undefined;
}

/** An executed notebook as one HTML page that needs no network and no server. */
export function report(notebook: Notebook, { title, plotly, stop }: ReportOptions): string {
  const outputs = outputRenderer({ plotly: plotly !== undefined });
  const cells = notebook.cells.map((cell) => renderCell(cell, outputs)).join("\n");
  const heading = notebook.cells
    .filter(({ cell_type: type }) => type === "markdown")
    .map(({ source }) => /^#\s+(.+)$/m.exec(source)?.[1])
    .find((found) => found !== undefined);
  const scripts =
    plotly !== undefined && outputs.figures > 0
      ? `<script>${plotly.replaceAll("</script", "<\\/script")}</script>\n<script>${drawFigures}</script>`
      : "";
  const stopped = stop
    ? `<p class="stopped">The run stopped at cell ${stop.position} of ${notebook.cells.length} (In [${stop.count}]): ${escapeHtml(`${stop.failure.ename}: ${stop.failure.evalue}`)}</p>`
    : "";
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(heading ?? title)}</title>
<style>${style}</style>
</head>
<body>
<main>
${heading === undefined ? `<h1>${escapeHtml(title)}</h1>\n` : ""}${stopped}${cells}
<footer>${escapeHtml(title)}, executed by lclab on Node ${process.versions.node}</footer>
</main>
${scripts}
</body>
</html>
`;
}

function renderCell(cell: NotebookCell, outputs: OutputRenderer): string {
  switch (cell.cell_type) {
    case "markdown":
      return `<section class="markdown">${renderMarkdown(withAttachments(cell))}</section>`;
    case "raw":
      return `<section class="cell"><pre>${escapeHtml(cell.source)}</pre></section>`;
    case "code": {
      if (cell.source.trim() === "") return "";
      const count = cell.execution_count ?? " ";
      const shown = (cell.outputs ?? [])
        .map((output) => `<div class="output">${outputs.render(output)}</div>`)
        .join("\n");
      return `<section class="cell"><div class="code"><span class="count">[${count}]</span><pre><code>${highlight(cell.source)}</code></pre></div>${shown}</section>`;
    }
  }
}

/** `![](attachment:a.png)` → a data URL. */
function withAttachments({ source, attachments = {} }: NotebookCell): string {
  return source.replace(/attachment:([^)\s"']+)/g, (whole, name: string) => {
    const [type, data] = Object.entries(attachments[decodeURIComponent(name)] ?? {})[0] ?? [];
    return type === undefined ? whole : `data:${type};base64,${data}`;
  });
}

// The page follows the colour scheme, so figures without colours of their own get its ink on a clear ground.
const drawFigures = `
for (const source of document.querySelectorAll("script[data-figure]")) {
  const figure = JSON.parse(source.textContent);
  const ink = getComputedStyle(document.body).color;
  const clear = "rgba(0,0,0,0)";
  const layout = { paper_bgcolor: clear, plot_bgcolor: clear, ...figure.layout };
  layout.font = { color: ink, ...layout.font };
  const axis = { gridcolor: "rgba(128,128,128,0.25)", zerolinecolor: "rgba(128,128,128,0.5)" };
  layout.template ??= { layout: { xaxis: axis, yaxis: axis } };
  Plotly.newPlot(source.dataset.figure, {
    data: figure.data,
    layout,
    frames: figure.frames,
    config: { responsive: true, ...figure.config, showSendToCloud: false, displaylogo: false },
  });
}
`;
