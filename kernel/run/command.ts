import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, resolve } from "node:path";
import { typescriptInterpreter } from "../typescript/interpreter.ts";
import { executeNotebook, type Progress } from "./execute.ts";
import { type Notebook, parseNotebook } from "./notebook.ts";
import { checkDeclared, injectParameters, type Parameter, parseParameter } from "./parameters.ts";
import { report } from "./report.ts";

const plotlyFile = new URL(
  import.meta.url.endsWith(".ts") ? "../../dist/plotly.min.js" : "../../plotly.min.js",
  import.meta.url,
);

/**
 * `lclab run`: executes a notebook in its own folder, with parameters `name=value`, and writes it as .ipynb or as one
 * HTML page, also when a cell failed. Returns the exit code: 0, 1 if a cell failed, 2 if there is nothing to run.
 */
export async function runNotebook(
  path: string,
  output: string,
  parameters: readonly string[] = [],
): Promise<number> {
  const fail = (code: number, message: string) => {
    console.error(`lclab run: ${message}`);
    return code;
  };
  const kind = extname(output);
  if (kind !== ".html" && kind !== ".ipynb")
    return fail(2, `the output must end in .html or .ipynb, got ${JSON.stringify(output)}.`);
  let given: Parameter[];
  try {
    given = parameters.map(parseParameter);
  } catch (error) {
    return fail(2, (error as Error).message);
  }
  let notebook: Notebook;
  try {
    notebook = parseNotebook(readFileSync(path, "utf8"));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return fail(2, `there is no file ${path}.`);
    return fail(2, code === undefined ? `${path} ${message}` : `cannot read ${path}: ${message}.`);
  }

  try {
    await checkDeclared(notebook, given);
  } catch (error) {
    return fail(2, (error as Error).message);
  }
  injectParameters(notebook, given);
  const target = resolve(output);
  if (!existsSync(dirname(target)))
    return fail(
      2,
      `there is no folder ${dirname(target)} to write ${basename(target)} into. Make it first.`,
    );
  process.chdir(dirname(resolve(path)));
  const interpreter = typescriptInterpreter();
  interpreter.start();
  let interrupts = 0;
  process.on("SIGINT", () => {
    if (++interrupts > 2) process.exit(130);
    interpreter.interrupt();
  });
  const stop = await executeNotebook(notebook, interpreter, (progress) =>
    console.log(progressLine(progress)),
  );
  await interpreter.close();

  let missing: string | undefined;
  if (kind === ".ipynb") writeFileSync(target, `${JSON.stringify(notebook, null, 1)}\n`);
  else {
    const plotly = readPlotly();
    if (plotly === undefined && hasFigures(notebook))
      missing =
        "the figures are not interactive, for dist/plotly.min.js is missing. Write npm run build.";
    writeFileSync(target, report(notebook, { title: basename(path, ".ipynb"), plotly, stop }));
  }
  console.log(`Wrote ${output}`);
  if (stop) {
    const { position, count, failure } = stop;
    const what = `${failure.ename}: ${failure.evalue}`;
    const where = `${path} stopped at cell ${position} of ${notebook.cells.length} (In [${count}])`;
    return fail(1, `${where}: ${what}\n${failure.traceback.join("\n")}`);
  }
  return missing === undefined ? 0 : fail(1, missing);
}

function progressLine({ position, cells, count, seconds, source }: Progress): string {
  const first = source.split("\n").find((line) => line.trim() !== "") ?? "";
  const shown = first.length > 60 ? `${first.slice(0, 59)}…` : first;
  return `cell ${position} of ${cells} (In [${count}]) ${seconds.toFixed(1)} s  ${shown}`;
}

function hasFigures({ cells }: Notebook): boolean {
  return cells.some(({ outputs }) =>
    outputs?.some((output) => "data" in output && "application/vnd.plotly.v1+json" in output.data),
  );
}

function readPlotly(): string | undefined {
  try {
    return readFileSync(plotlyFile, "utf8");
  } catch {
    return undefined;
  }
}
