/**
 * `npm run notebooks`: executes every notebook with our kernel. By itself with the few images that its metadata name
 * (`lclab.quick`) and data that lclab draws, so that the outputs of cells tagged `result` must be those in
 * test/notebooks, to the last digit, on every machine; with `--full` as users run it.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { preparePackages } from "./prepare.mjs";
import { runQuietly } from "./run.mjs";
import { Refusal, runMain, stages } from "./say.mjs";

const help = `npm run notebooks -- [NAME …] [options]     NAME: how a notebook's file name begins, 01 say; default all

  --full     with the notebooks' own parameters and your data; outputs are not compared
  --update   writes what came out to test/notebooks, where it is compared with from then on
  --help     this text
`;

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const folder = join(root, "notebooks");
const expectedFolder = join(root, "test", "notebooks");

await runMain(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      full: { type: "boolean", default: false },
      update: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  if (values.full && values.update) {
    throw new Refusal("npm run notebooks: --update keeps quick results. Leave out --full.");
  }
  const all = (await readdir(folder)).filter((name) => name.endsWith(".ipynb")).sort();
  const unknown = positionals.find((start) => !all.some((name) => name.startsWith(start)));
  if (unknown !== undefined) {
    throw new Refusal(
      `npm run notebooks: no notebook begins with ${JSON.stringify(unknown)}. There are ${all.join(", ")}.`,
    );
  }
  const chosen = all.filter(
    (name) => positionals.length === 0 || positionals.some((start) => name.startsWith(start)),
  );
  await preparePackages(root, stages(2));
  const problems = [];
  for (const name of chosen) {
    const start = performance.now();
    const found = await execute(name, values);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    process.stdout.write(`${found.length === 0 ? "✔" : "✘"} ${name}  ${seconds} s\n`);
    for (const problem of found) process.stdout.write(`  ${problem.replaceAll("\n", "\n  ")}\n`);
    problems.push(...found);
  }
  return problems.length === 0 ? 0 : 1;
});

/** Runs a notebook in a copy of its own; returns what is wrong. */
async function execute(name, { full, update }) {
  const path = join(folder, name);
  const { lclab } = JSON.parse(await readFile(path, "utf8")).metadata;
  const scratch = await mkdtemp(join(tmpdir(), "lclab-notebooks-"));
  const output = join(scratch, name);
  const quick = Object.entries(lclab?.quick ?? {}).flatMap(([key, value]) => [
    "-p",
    `${key}=${JSON.stringify(value)}`,
  ]);
  const env = { ...process.env };
  if (!full) {
    delete env.LCLAB_DATA;
    env.LCLAB_CACHE = join(scratch, "cache");
  }
  try {
    const program = join(root, "dist", "kernel", "main.js");
    const args = [program, "run", path, "-o", output, ...(full ? [] : quick)];
    await runQuietly(process.execPath, args, { what: name, cwd: root, env });
    const { cells } = JSON.parse(await readFile(output, "utf8"));
    return [...wrong(cells), ...(full ? [] : await compared(name, resultsOf(cells), update))];
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return [error.message];
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Everything on stderr: warnings, and types that are not right. */
function wrong(cells) {
  return cells.flatMap(({ outputs = [] }, i) =>
    outputs
      .filter((output) => output.output_type === "error" || output.name === "stderr")
      .map((output) => `cell ${i + 1}: ${output.text ?? output.evalue}`.trimEnd()),
  );
}

/** The text of cells tagged `result`. */
function resultsOf(cells) {
  return cells
    .filter(({ metadata }) => metadata.tags?.includes("result"))
    .map(({ outputs }) =>
      outputs.map((output) => output.text ?? output.data?.["text/plain"] ?? "").join("\n"),
    )
    .join("\n\n")
    .trimEnd();
}

async function compared(name, got, update) {
  const path = join(expectedFolder, `${basename(name, ".ipynb")}.txt`);
  if (update) await writeFile(path, `${got}\n`);
  const expected = await readFile(path, "utf8").catch(() => "");
  if (expected === `${got}\n`) return [];
  if (expected === "") return [`has no ${path}. Look at its results, then write --update.`];
  return [`results differ from ${path}:\n${got}`];
}
