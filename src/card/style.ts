/** The card's styles: colours for light and dark pages, and for paper. */
export const style: string = `
:root{--ink:#212121;--soft:#5f6368;--page:#ffffff;--box:#f4f5f7;--line:#d9dce1;--accent:#0072b2}
@media(prefers-color-scheme:dark){:root{--ink:#e6e6e6;--soft:#a3a8b0;--page:#17191c;--box:#22262b;--line:#3a4047;--accent:#56b4e9}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:960px;margin:0 auto;padding:32px 20px 24px}
h1{margin:0;font-size:28px;line-height:1.2;overflow-wrap:anywhere}
h2{margin:36px 0 10px;font-size:18px;border-bottom:1px solid var(--line);padding-bottom:4px}
h3{margin:16px 0 6px;font-size:14px;color:var(--soft);font-weight:600}
.sub{margin:6px 0 0;color:var(--soft)}
.notes{white-space:pre-line}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:10px;margin:22px 0}
.tile{background:var(--box);border:1px solid var(--line);border-radius:8px;padding:12px 14px;display:flex;flex-direction:column}
.tile b{font-size:21px;line-height:1.3}
.tile small{color:var(--soft);margin-top:2px}
.chain{list-style:none;display:flex;flex-wrap:wrap;gap:8px 22px;margin:0 0 16px;padding:0}
.chain li{position:relative;background:var(--box);border:1px solid var(--line);border-radius:6px;padding:3px 9px;font-size:13px}
.chain li.weighted{border-color:var(--accent);border-width:2px}
.chain li+li::before{content:"→";position:absolute;left:-19px;top:50%;transform:translateY(-50%);color:var(--soft)}
.chain small{display:block;color:var(--soft)}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:14px}
th,td{text-align:left;padding:4px 14px 4px 0;border-bottom:1px solid var(--line);vertical-align:middle}
th{color:var(--soft);font-weight:600}
td{max-width:26em;overflow-wrap:break-word}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.books td{border:0}
.books td:nth-child(4){max-width:none}
.books .dots{display:block}
.dots path{stroke:var(--line);fill:none}
.dots g{fill:var(--accent);fill-opacity:.55}
pre{margin:0;background:var(--box);border:1px solid var(--line);border-radius:6px;padding:10px 12px;overflow-x:auto;font-size:13px}
footer{margin-top:36px;color:var(--soft);font-size:13px}
@media print{main{max-width:none;padding:0}section{break-inside:avoid}}
`.trim();
