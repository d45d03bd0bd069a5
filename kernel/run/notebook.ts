import type { MimeBundle } from "../interpreter.ts";

/** An output as nbformat 4 stores it. */
export type NotebookOutput =
  | { output_type: "stream"; name: "stdout" | "stderr"; text: string }
  | {
      output_type: "execute_result";
      data: MimeBundle;
      metadata: MimeBundle;
      execution_count: number;
    }
  | { output_type: "display_data"; data: MimeBundle; metadata: MimeBundle }
  | { output_type: "error"; ename: string; evalue: string; traceback: string[] };

/** A cell; fields that this program does not know stay as they are. */
export interface NotebookCell {
  cell_type: "code" | "markdown" | "raw";
  source: string;
  metadata: Record<string, unknown>;
  attachments?: Record<string, MimeBundle>;
  /** Code cells only. */
  outputs?: NotebookOutput[];
  /** Code cells only; null before it ran. */
  execution_count?: number | null;
}

/** A notebook of nbformat 4. */
export interface Notebook {
  nbformat: number;
  nbformat_minor: number;
  metadata: Record<string, unknown>;
  cells: NotebookCell[];
}

/**
 * Reads a notebook; the outputs of its code cells are dropped.
 * @throws TypeError that says what is wrong with the file.
 */
export function parseNotebook(text: string): Notebook {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TypeError(`is not JSON: ${(error as Error).message}`);
  }
  const notebook = value as Partial<Notebook> | null;
  if (typeof notebook !== "object" || !Array.isArray(notebook?.cells))
    throw new TypeError("is not a notebook: it has no list of cells.");
  if (notebook.nbformat !== 4)
    throw new TypeError(
      `has notebook format ${JSON.stringify(notebook.nbformat)}, it must be 4. To convert it, open and save it in Jupyter.`,
    );
  return {
    ...notebook,
    nbformat: 4,
    nbformat_minor: Number(notebook.nbformat_minor ?? 0),
    metadata: notebook.metadata ?? {},
    cells: notebook.cells.map(parseCell),
  };
}

function parseCell(value: unknown, index: number): NotebookCell {
  const cell = (value ?? {}) as Partial<NotebookCell> & { source?: unknown };
  const { cell_type: type } = cell;
  if (type !== "code" && type !== "markdown" && type !== "raw")
    throw new TypeError(
      `is not a notebook: cell ${index + 1} must be code, markdown or raw, got ${JSON.stringify(type)}.`,
    );
  const source = joined(cell.source);
  const metadata = cell.metadata ?? {};
  return type === "code"
    ? { ...cell, cell_type: type, source, metadata, outputs: [], execution_count: null }
    : { ...cell, cell_type: type, source, metadata };
}

/** Text that nbformat stores as one string or as lines. */
export function joined(text: unknown): string {
  return Array.isArray(text) ? text.join("") : String(text ?? "");
}
