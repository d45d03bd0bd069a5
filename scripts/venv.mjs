/** .venv: a Python environment of our own with JupyterLab, our kernel and our figure renderer in it. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findPython } from "./python.mjs";
import { runQuietly } from "./run.mjs";
import { Refusal } from "./say.mjs";
import { contentHash, filesBelow, readStamps, writeStamp } from "./stamp.mjs";

/** The environment's folder, its Python and its stamps. */
export function venvPaths(root) {
  const folder = join(root, ".venv");
  const python =
    process.platform === "win32"
      ? join(folder, "Scripts", "python.exe")
      : join(folder, "bin", "python");
  return { folder, python, stamps: join(folder, "lclab.json") };
}

/** True if .venv holds what requirements.txt asks for. */
export function venvIsReady(root) {
  const { python, stamps } = venvPaths(root);
  return existsSync(python) && readStamps(stamps).requirements === requirementsHash(root);
}

/** Finds a Python for a .venv that is yet to be made. @throws Refusal if there is none that will do. */
export function pythonFor(root, who) {
  if (venvIsReady(root)) return undefined;
  const { command, problem } = findPython();
  if (!command) throw new Refusal(`${who}: ${problem}`);
  return command;
}

/** Makes .venv if needed. An interrupted attempt left no stamp, so the next one starts afresh. */
export async function prepareVenv(root, command, announce = () => {}) {
  if (venvIsReady(root)) return false;
  announce();
  const { folder, python, stamps } = venvPaths(root);
  const [program, ...args] = command;
  const env = pythonEnvironment();
  const make = [...args, "-m", "venv", "--clear", folder];
  await runQuietly(program, make, { env, what: "python -m venv" });
  // JupyterLab brings CommonJS files; without this they would count as ours, which are ES modules.
  writeFileSync(join(folder, "package.json"), '{ "type": "commonjs" }\n');
  const requirements = join(root, "scripts", "requirements.txt");
  await runQuietly(
    python,
    [
      "-m",
      "pip",
      "install",
      "--quiet",
      "--disable-pip-version-check",
      "--requirement",
      requirements,
    ],
    { env, what: "pip install", hint: "Check the network, then start again." },
  );
  // Without the plugin that asks whether it may fetch news.
  const settings = join(folder, "share", "jupyter", "lab", "settings");
  mkdirSync(settings, { recursive: true });
  writeFileSync(
    join(settings, "page_config.json"),
    JSON.stringify({
      disabledExtensions: { "@jupyterlab/apputils-extension:announcements": true },
    }),
  );
  writeStamp(stamps, "requirements", requirementsHash(root));
  return true;
}

/** Installs the kernel, to run on `node`, and the renderer into .venv if they or their places changed. */
export async function installKernel(root, announce = () => {}, node = process.execPath) {
  const { folder, stamps } = venvPaths(root);
  const main = join(root, "dist", "kernel", "main.js");
  const spec = join(folder, "share", "jupyter", "kernels", "lclab", "kernel.json");
  const sources = [
    ...filesBelow(join(root, "dist", "labextension")),
    ...["main.js", "install.js"].map((name) => join(root, "dist", "kernel", name)),
  ];
  // kernel.json holds absolute paths: a moved checkout or another Node needs a new one.
  const key = contentHash(root, sources, [root, node]);
  if (readStamps(stamps).kernel === key && existsSync(spec)) return false;
  announce();
  await runQuietly(process.execPath, [main, "install", "--prefix", folder, "--node", node], {
    cwd: root,
    what: "lclab install",
  });
  writeStamp(stamps, "kernel", key);
  return true;
}

/** Our environment without what would lead Python to packages outside .venv. */
export function pythonEnvironment(env = process.env) {
  const {
    PYTHONPATH: _path,
    PYTHONHOME: _home,
    PIP_USER: _user,
    VIRTUAL_ENV: _venv,
    ...rest
  } = env;
  return { ...rest, PYTHONNOUSERSITE: "1" };
}

function requirementsHash(root) {
  const requirements = join(root, "scripts", "requirements.txt");
  // Made by this script too: what it writes beside the packages follows it.
  return contentHash(root, [requirements, fileURLToPath(import.meta.url)]);
}
