/**
 * `npm run conformance`: our kernel, installed with --prefix into a temporary folder, against the PyPI package
 * jupyter_kernel_test, and under papermill, nbconvert, jupytext and nbgrader. Arguments after `--` choose tests: `-- -k history`.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { checkNode } from "./checks.mjs";
import { preparePackages } from "./prepare.mjs";
import { runLoudly, runQuietly } from "./run.mjs";
import { runMain, stages } from "./say.mjs";
import { conformance, prepareVenv, pythonEnvironment, pythonFor, venvPaths } from "./venv.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

await runMain(async () => {
  checkNode("npm run conformance");
  const command = pythonFor(root, "npm run conformance", conformance);
  const stage = stages(4);
  await preparePackages(root, stage);
  await stage("jupyter_kernel_test and tools by pip", (announce) =>
    prepareVenv(root, command, announce, conformance),
  );
  const { python } = venvPaths(root, conformance);
  const folder = mkdtempSync(join(tmpdir(), "lclab-conformance-"));
  try {
    await stage("Kernel and Python package", async () => {
      const main = join(root, "dist", "kernel", "main.js");
      const prefix = ["--prefix", folder, "--node", process.execPath];
      await runQuietly(process.execPath, [main, "install", ...prefix], { what: "lclab install" });
      await installPackage(python, folder);
    });
    return await runLoudly(
      python,
      [join(root, "test", "conformance", "main.py"), ...process.argv.slice(2)],
      { cwd: folder, env: isolated(folder, dirname(python)) },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** From a copy, because setuptools builds beside the sources. */
async function installPackage(python, folder) {
  const copy = join(folder, "package");
  cpSync(join(root, "kernel", "python"), copy, { recursive: true });
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
  const options = ["--no-deps", "--no-index", "--no-build-isolation", "--force-reinstall", copy];
  await runQuietly(python, [...pip, ...options], {
    env: pythonEnvironment(),
    what: "pip install kernel/python",
  });
}

/**
 * Only the kernel of this run is seen, and nothing is written to the user's own folders. `bin` comes first on the PATH, as in
 * an active environment: nbgrader calls its alembic by name.
 */
function isolated(folder, bin) {
  const inherited = Object.entries(pythonEnvironment()).filter(
    ([name]) => !/^(JUPYTER|IPYTHON)/.test(name),
  );
  const below = (name) => {
    const path = join(folder, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  return {
    ...Object.fromEntries(inherited),
    PATH: [bin, process.env.PATH].join(delimiter),
    JUPYTER_NO_CONFIG: "1",
    JUPYTER_PLATFORM_DIRS: "1",
    JUPYTER_PATH: join(folder, "share", "jupyter"),
    JUPYTER_DATA_DIR: below("data"),
    JUPYTER_RUNTIME_DIR: below("runtime"),
    JUPYTER_CONFIG_DIR: below("config"),
    LCLAB_HISTORY: below("history"),
    TMPDIR: below("tmp"),
  };
}
