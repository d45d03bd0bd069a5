import type { Failed, Interpreter, Output } from "../interpreter.ts";
import type { Notebook, NotebookCell, NotebookOutput } from "./notebook.ts";

/** The cell at which a run stopped. */
export interface Stop {
  /** Position among all cells, from 1. */
  position: number;
  /** Its number as `In [n]`. */
  count: number;
  failure: Failed;
}

/** What a run tells while it runs. */
export interface Progress {
  position: number;
  cells: number;
  count: number;
  seconds: number;
  source: string;
}

/** Runs the code cells in order, writes outputs and counts into the notebook, and stops at the first error. */
export async function executeNotebook(
  { cells }: Notebook,
  interpreter: Interpreter,
  done: (progress: Progress) => void,
): Promise<Stop | undefined> {
  let count = 0;
  const displays = displayIndex();
  for (const [index, cell] of cells.entries()) {
    if (cell.cell_type !== "code" || cell.source.trim() === "") continue;
    count++;
    cell.execution_count = count;
    const number = count;
    const start = performance.now();
    const collect = collector(cell, number, displays);
    const outcome = await interpreter.execute(
      { code: cell.source, label: `[${number}]` },
      {
        show: collect,
        ask: () => Promise.reject(new Error("input: lclab run has nobody to ask.")),
        remarks: "before the end",
      },
    );
    const position = index + 1;
    if (outcome.status === "error") {
      const { ename, evalue, traceback } = outcome;
      cell.outputs?.push({ output_type: "error", ename, evalue, traceback });
      return { position, count, failure: outcome };
    }
    const seconds = (performance.now() - start) / 1000;
    done({ position, cells: cells.length, count, seconds, source: cell.source });
  }
  return undefined;
}

type Shown = Extract<NotebookOutput, { data: unknown }>;
type Displays = Map<string, Shown[]>;

const displayIndex = (): Displays => new Map();

/** Adds outputs to a cell; an update replaces the displays of its id, in whatever cell they are. */
function collector(
  cell: NotebookCell,
  count: number,
  displays: Displays,
): (output: Output) => void {
  let clearNext = false;
  const add = (output: NotebookOutput) => {
    cell.outputs ??= [];
    if (clearNext) cell.outputs.length = 0;
    clearNext = false;
    const last = cell.outputs.at(-1);
    if (
      output.output_type === "stream" &&
      last?.output_type === "stream" &&
      last.name === output.name
    )
      last.text += output.text;
    else cell.outputs.push(output);
  };
  return (output) => {
    switch (output.type) {
      case "stream":
        add({ output_type: "stream", name: output.name, text: output.text });
        break;
      case "execute_result": {
        const { data, metadata } = output;
        add({ output_type: "execute_result", data, metadata, execution_count: count });
        break;
      }
      case "display_data": {
        const { data, metadata, id } = output;
        const shown: Shown = { output_type: "display_data", data, metadata };
        displays.set(id, [...(displays.get(id) ?? []), shown]);
        add(shown);
        break;
      }
      case "update_display_data": {
        const { data, metadata } = output;
        for (const shown of displays.get(output.id) ?? []) Object.assign(shown, { data, metadata });
        break;
      }
      case "comm":
        break; // there is no client to take it
      case "clear_output":
        if (output.wait) clearNext = true;
        else if (cell.outputs) cell.outputs.length = 0;
    }
  };
}
