/** Style sheet of a report, light and dark. */
export const style = `
:root {
  color-scheme: light dark;
  --ink: #1c2330; --soft: #667085; --page: #ffffff; --panel: #f6f7f9; --line: #e3e6eb;
  --accent: #2f6fb7; --error: #b42318; --error-panel: #fef3f2; --warn-panel: #fffaeb;
  --comment: #6a7683; --string: #0a7048; --number: #9a4a00; --keyword: #2457a6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e4e7ec; --soft: #98a2b3; --page: #14171c; --panel: #1c2027; --line: #2e343e;
    --accent: #7db3f0; --error: #fda29b; --error-panel: #2d1a1a; --warn-panel: #2a2416;
    --comment: #8b96a5; --string: #7fd1a6; --number: #f0b27a; --keyword: #8ab8f5;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.6 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1, h2, h3, h4 { line-height: 1.25; margin: 2rem 0 0.75rem; }
h1 { font-size: 2rem; margin-top: 0; } h2 { font-size: 1.4rem; } h3 { font-size: 1.15rem; }
a { color: var(--accent); }
pre, code { font: 13.5px/1.55 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
pre { margin: 0; padding: 0.75rem 1rem; overflow-x: auto; border-radius: 8px; white-space: pre; }
.markdown code, .cell p code { background: var(--panel); padding: 0.1em 0.35em; border-radius: 4px; }
.markdown pre { background: var(--panel); } .markdown pre code { padding: 0; background: none; }
.markdown img { max-width: 100%; }
.markdown blockquote { margin: 1rem 0; padding-left: 1rem; border-left: 3px solid var(--line); color: var(--soft); }
.cell { margin: 1.25rem 0; }
.code { position: relative; }
.code > pre { background: var(--panel); border: 1px solid var(--line); }
.count { position: absolute; right: 0.75rem; top: 0.45rem; font: 11px ui-monospace, monospace; color: var(--soft); user-select: none; }
.output { margin-top: 0.5rem; }
.output > pre { padding: 0.4rem 1rem; }
.output > .stderr { background: var(--warn-panel); }
.output > .error { background: var(--error-panel); color: var(--error); border-left: 3px solid var(--error); }
.output img, .output svg { max-width: 100%; height: auto; }
.output .html { overflow-x: auto; }
.figure { min-height: 22rem; }
table { border-collapse: collapse; font-size: 0.92rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.8rem; border-bottom: 1px solid var(--line); text-align: left; }
th { color: var(--soft); font-weight: 600; }
.comment { color: var(--comment); font-style: italic; } .string { color: var(--string); }
.number { color: var(--number); } .keyword { color: var(--keyword); }
.stopped { padding: 0.6rem 1rem; border-radius: 8px; background: var(--error-panel); color: var(--error); }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--soft); font-size: 0.85rem; }
@media print { .code > pre, .output > pre { white-space: pre-wrap; } }
`;
