/** Python environments of our own: .venv with JupyterLab, our kernel and our figure renderer; another for conformance. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findPython } from "./python.mjs";
import { runQuietly } from "./run.mjs";
import { Refusal } from "./say.mjs";
import { contentHash, filesBelow, readStamps, writeStamp } from "./stamp.mjs";

/** The environment of `npm start` and the browser tests. */
export const lab = {
  folder: ".venv",
  requirements: "scripts/requirements.txt",
  /** Oldest Python that the requirements can be installed on. */
  oldest: [3, 9],
  finish: withoutNews,
};

/** The environment of `npm run conformance`. */
export const conformance = {
  folder: ".lclab/conformance",
  requirements: "scripts/conformance.txt",
  oldest: [3, 10],
};

/** The environment's folder, its Python and its stamps. */
export function venvPaths(root, venv = lab) {
  const folder = join(root, venv.folder);
  const python =
    process.platform === "win32"
      ? join(folder, "Scripts", "python.exe")
      : join(folder, "bin", "python");
  return { folder, python, stamps: join(folder, "lclab.json") };
}

/** True if the environment holds what its requirements ask for. */
export function venvIsReady(root, venv = lab) {
  const { python, stamps } = venvPaths(root, venv);
  return existsSync(python) && readStamps(stamps).requirements === requirementsHash(root, venv);
}

/** Finds a Python for an environment that is yet to be made. @throws Refusal if there is none that will do. */
export function pythonFor(root, who, venv = lab) {
  if (venvIsReady(root, venv)) return undefined;
  const { command, problem } = findPython(venv.oldest);
  if (!command) throw new Refusal(`${who}: ${problem}`);
  return command;
}

/** Makes the environment if needed. An interrupted attempt left no stamp, so the next one starts afresh. */
export async function prepareVenv(root, command, announce = () => {}, venv = lab) {
  if (venvIsReady(root, venv)) return false;
  announce();
  const { folder, python, stamps } = venvPaths(root, venv);
  const [program, ...args] = command;
  const env = pythonEnvironment();
  const make = [...args, "-m", "venv", "--clear", folder];
  await runQuietly(program, make, { env, what: "python -m venv" });
  // JupyterLab brings CommonJS files; without this they would count as ours, which are ES modules.
  writeFileSync(join(folder, "package.json"), '{ "type": "commonjs" }\n');
  const requirements = join(root, venv.requirements);
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
  venv.finish?.(folder);
  writeStamp(stamps, "requirements", requirementsHash(root, venv));
  return true;
}

/** JupyterLab without the plugin that asks whether it may fetch news. */
function withoutNews(folder) {
  const settings = join(folder, "share", "jupyter", "lab", "settings");
  mkdirSync(settings, { recursive: true });
  writeFileSync(
    join(settings, "page_config.json"),
    JSON.stringify({
      disabledExtensions: { "@jupyterlab/apputils-extension:announcements": true },
    }),
  );
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

function requirementsHash(root, venv) {
  const requirements = join(root, venv.requirements);
  // Made by this script too: what it writes beside the packages follows it.
  return contentHash(root, [requirements, fileURLToPath(import.meta.url)]);
}
