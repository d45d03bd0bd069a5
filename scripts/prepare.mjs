/** From a clean clone to everything that `npm start` and `npm test` need; what is there already is left alone. */
import { checkNode } from "./checks.mjs";
import { installDependencies } from "./dependencies.mjs";
import { stages } from "./say.mjs";
import { installKernel, prepareVenv, pythonFor } from "./venv.mjs";

/** The stages up to dist/: packages and build. `total` counts the stages of the whole script. */
export async function preparePackages(root, stage) {
  await stage("Packages by npm ci", (announce) => installDependencies(root, announce));
  await stage("Build", async (announce) => {
    const { build } = await import("./build.mjs");
    const built = await build({ onStart: announce });
    return built.length > 0;
  });
}

/** The stages from dist/ to a .venv with JupyterLab and our kernel. */
export async function prepareJupyter(root, stage, python) {
  await stage("JupyterLab in .venv", (announce) => prepareVenv(root, python, announce));
  await stage("Kernel and figure renderer", (announce) => installKernel(root, announce));
}

/** Checks first, since they cost nothing; then all stages. */
export async function prepare(root, who) {
  checkNode(who);
  const python = pythonFor(root, who);
  const stage = stages(4);
  await preparePackages(root, stage);
  await prepareJupyter(root, stage, python);
}
