/** From a clean clone to everything that `npm start` and `npm test` need; what is there already is left alone. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
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

/** The stages from dist/ to a .venv with JupyterLab and our kernel, which runs on `node`: by default, this one. */
export async function prepareJupyter(root, stage, python, node) {
  await stage("JupyterLab in .venv", (announce) => prepareVenv(root, python, announce));
  await stage("Kernel and figure renderer", (announce) => installKernel(root, announce, node));
}

/** The stage that gives the kernel a Node 24 if ours is older; returns its path, and says what is lost without it. */
export async function prepareNode(root, stage, systemNode) {
  const { kernelNode } = await import(
    pathToFileURL(join(root, "dist", "kernel", "node-runtime.js")).href
  );
  let node;
  await stage("Node 24 for the kernel", async (announce) => {
    node = await kernelNode({ system: systemNode, announce });
    return node.fetched;
  });
  if (node.lost) process.stdout.write(`${node.lost}\n`);
  return node.path;
}

/** Checks first, since they cost nothing; then all stages. */
export async function prepare(root, who, { systemNode = false } = {}) {
  checkNode(who);
  const python = pythonFor(root, who);
  const stage = stages(5);
  await preparePackages(root, stage);
  const node = await prepareNode(root, stage, systemNode);
  await prepareJupyter(root, stage, python, node);
}
