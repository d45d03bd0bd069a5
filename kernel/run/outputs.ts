import { marked } from "marked";
import { escapeHtml } from "../html.ts";
import { joined, type NotebookOutput } from "./notebook.ts";

const plotlyType = "application/vnd.plotly.v1+json";

/** Renders outputs as HTML; figures are counted, so that a report knows whether it needs Plotly. */
export interface OutputRenderer {
  render(output: NotebookOutput): string;
  /** Figures rendered so far. */
  readonly figures: number;
}

/** A renderer; without `plotly`, figures are shown in their next best form. */
export function outputRenderer({ plotly }: { plotly: boolean }): OutputRenderer {
  let figures = 0;

  const bundle = (data: Record<string, unknown>): string => {
    const text = (type: string) => (type in data ? joined(data[type]) : undefined);
    if (plotlyType in data && plotly) {
      figures++;
      const figure = scriptJson(data[plotlyType]);
      return `<div class="figure" id="figure-${figures}"></div><script type="application/json" data-figure="figure-${figures}">${figure}</script>`;
    }
    const html = text("text/html");
    if (html !== undefined) return `<div class="html">${html}</div>`;
    const svg = text("image/svg+xml");
    if (svg !== undefined)
      return image("image/svg+xml", Buffer.from(svg).toString("base64"), text("text/plain"));
    for (const type of ["image/png", "image/jpeg", "image/gif"]) {
      const base64 = text(type);
      if (base64 !== undefined) return image(type, base64.replace(/\s/g, ""), text("text/plain"));
    }
    const markdown = text("text/markdown");
    if (markdown !== undefined) return `<div class="markdown">${renderMarkdown(markdown)}</div>`;
    const json = data["application/json"];
    const plain = text("text/plain") ?? (json === undefined ? "" : JSON.stringify(json, null, 2));
    return `<pre class="plain">${escapeHtml(plain)}</pre>`;
  };

  return {
    get figures() {
      return figures;
    },
    render(output) {
      switch (output.output_type) {
        case "stream":
          return `<pre class="${output.name === "stderr" ? "stderr" : "stdout"}">${escapeHtml(terminalText(output.text))}</pre>`;
        case "error":
          return `<pre class="error">${escapeHtml(terminalText(output.traceback.join("\n")))}</pre>`;
        default:
          return bundle(output.data);
      }
    },
  };
}

/** Markdown as HTML. */
export function renderMarkdown(source: string): string {
  return marked.parse(source, { async: false, gfm: true });
}

function image(type: string, base64: string, description: string | undefined): string {
  return `<img src="data:${type};base64,${escapeHtml(base64)}" alt="${escapeHtml(description ?? "output")}">`;
}

/** JSON that can stand in a script element: `</script>` and `<!--` cannot occur in it. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

/** Text without terminal colours, each line as it looks after its carriage returns. */
function terminalText(text: string): string {
  return text
    .replace(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*[A-Za-z]`, "g"), "")
    .replace(/\r\n/g, "\n")
    .replace(/[^\n]*\r(?=[^\n])/g, "");
}
