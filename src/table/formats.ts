import type { Cell, Column } from "./table.ts";

/** A table as data, without a way to show itself. */
export interface Grid {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

/**
 * Comma-separated values (RFC 4180) with a line of column names. Numbers are written in full, so that reading them gives the same
 * numbers; null is an empty field, and an empty string is quoted. In a table of one column null is quoted too: many readers skip
 * an empty line, and would lose the row.
 */
export function csv({ columns, rows }: Grid): string {
  const field = (cell: Cell): string => {
    if (cell === null) return columns.length === 1 ? '""' : "";
    if (typeof cell !== "string") return String(cell);
    return cell === "" || /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
  };
  const line = (cells: readonly Cell[]): string => `${cells.map(field).join(",")}\r\n`;
  return [columns.map(({ name }) => name), ...rows].map(line).join("");
}

/** A table of GitHub-flavoured Markdown, of cells as they are shown. */
export function markdown(shown: Shown): string {
  const cell = (text: string): string =>
    text
      .replaceAll("\\", "\\\\")
      .replaceAll("|", "\\|")
      .replace(/[<>&*_`~[\]]/g, (mark) => `\\${mark}`)
      .replace(/\r\n|\r|\n/g, "<br>");
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
  const rule = `| ${shown.right.map((right) => (right ? "--:" : ":--")).join(" | ")} |`;
  return [line(shown.names), rule, ...shown.rows.map(line)].map((text) => `${text}\n`).join("");
}

/** A `tabular` with the rules of the booktabs package, of cells as they are shown. */
export function latex(shown: Shown): string {
  const line = (cells: readonly string[]): string => `${cells.map(escapeLatex).join(" & ")} \\\\`;
  return [
    `\\begin{tabular}{${shown.right.map((right) => (right ? "r" : "l")).join("")}}`,
    "\\toprule",
    line(shown.names),
    "\\midrule",
    ...shown.rows.map(line),
    "\\bottomrule",
    "\\end{tabular}\n",
  ].join("\n");
}

/** Cells as text, and which columns hold numbers. */
export interface Shown {
  readonly names: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly right: readonly boolean[];
}

const latexMarks: Readonly<Record<string, string>> = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "|": "\\textbar{}",
  "<": "\\textless{}",
  ">": "\\textgreater{}",
  "×": "$\\times$",
  "–": "--",
  "−": "$-$",
  "‖": "$\\Vert$",
  Δ: "$\\Delta$",
  Θ: "$\\Theta$",
  κ: "$\\kappa$",
  λ: "$\\lambda$",
  μ: "$\\mu$",
  ρ: "$\\rho$",
  "≤": "$\\le$",
  "≥": "$\\ge$",
  "²": "$^2$",
};

function escapeLatex(text: string): string {
  return text
    .replace(/[\\~^|<>×–−‖ΔΘκλμρ≤≥²]|[&%$#_{}]/g, (mark) => latexMarks[mark] ?? `\\${mark}`)
    .replace(/\r\n|\r|\n/g, " ");
}
