import { escapeHtml } from "../html.ts";
import type { Failed, MimeBundle } from "../interpreter.ts";
import type { Diagnostic } from "./language.ts";
import { frameLines } from "./traceback.ts";

/** The most that are shown of one cell; the first ones usually cause the others. */
const shown = 10;

/** A cell whose types are wrong. */
export interface Checked {
  source: string;
  /** `[3]` */
  label: string;
  diagnostics: readonly Diagnostic[];
}

/** The type errors of a cell as an output beside its own. */
export function diagnosticsBundle(checked: Checked): MimeBundle {
  const parts = checked.diagnostics.slice(0, shown).map((diagnostic) => ({
    head: `TS${diagnostic.code}: ${diagnostic.message}`,
    frame: frame(checked, diagnostic),
  }));
  const more = rest(checked);
  const html = parts.map(({ head, frame: [place, ...lines] }) => {
    const [title, ...explanation] = head.split("\n").map(escapeHtml);
    const [code, message] = split(title);
    const under = explanation.map((line) => `\n${line}`).join("");
    return (
      `<div><b>${code}</b>${message}${under}\n<span style="opacity:0.75">${escapeHtml(place)}</span>\n` +
      `${lines.map(escapeHtml).join("\n")}</div>`
    );
  });
  return {
    "text/html": box([...html, ...more].join("\n")),
    "text/plain": [...parts.flatMap(({ head, frame }) => [head, ...frame]), ...more].join("\n"),
  };
}

/** Sentences about the type check itself, as an output. */
export function notesBundle(notes: readonly string[]): MimeBundle {
  return {
    "text/html": box(notes.map((note) => `<div>${escapeHtml(note)}</div>`).join("\n")),
    "text/plain": notes.join("\n"),
  };
}

/** The type errors of a cell that does not run for them. */
export function diagnosticsFailure(checked: Checked): Failed {
  const [{ code, message }] = checked.diagnostics;
  return {
    status: "error",
    ename: "TypeScriptError",
    evalue: `TS${code}: ${message}`,
    traceback: [
      ...checked.diagnostics
        .slice(0, shown)
        .flatMap((diagnostic) => [
          ...`TypeScriptError: TS${diagnostic.code}: ${diagnostic.message}`.split("\n"),
          ...frame(checked, diagnostic),
        ]),
      ...rest(checked),
    ],
  };
}

function frame({ source, label }: Checked, { line, column }: Diagnostic): string[] {
  const text = source.split("\n")[line - 1];
  return frameLines({ place: `Cell ${label}`, line, column, in: "", text }, true);
}

function rest({ diagnostics }: Checked): string[] {
  const more = diagnostics.length - shown;
  return more > 0 ? [`… and ${more} more.`] : [];
}

function split(title: string): [string, string] {
  const colon = title.indexOf(":");
  return [title.slice(0, colon), title.slice(colon)];
}

/** The client's own colours where it has some, so that it is readable on a light and on a dark page. */
function box(content: string): string {
  const style =
    "border-left:3px solid var(--jp-warn-color1,#e08000);padding:2px 0 2px 10px;white-space:pre-wrap;" +
    "color:var(--jp-content-font-color1,inherit);font-family:var(--jp-code-font-family,monospace);" +
    "font-size:var(--jp-code-font-size,13px);line-height:1.4";
  return `<div class="lclab-types" style="${style}">${content}</div>`;
}
