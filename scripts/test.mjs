/**
 * `npm test`: prepares what the tests need, then runs mocha. Arguments after `--` go to mocha.
 * Without Python or Chromium the browser tests are left out, with the reason.
 */
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { checkNode } from "./checks.mjs";
import { findChromium } from "./chromium.mjs";
import { prepareJupyter, preparePackages } from "./prepare.mjs";
import { runLoudly } from "./run.mjs";
import { Refusal, runMain, stages } from "./say.mjs";
import { pythonFor } from "./venv.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

await runMain(async () => {
  checkNode("npm test");
  const stage = stages(4);
  const { python, problem } = jupyterOrProblem();
  if (problem !== undefined && process.env.LCLAB_REQUIRE_BROWSER) throw new Refusal(problem);
  await preparePackages(root, stage);
  if (problem === undefined) await prepareJupyter(root, stage, python);
  else process.stdout.write(`Browser tests are left out. ${problem}\n`);
  const chromium = findChromium();
  const mocha = join(root, "node_modules/mocha/bin/mocha.js");
  return runLoudly(process.execPath, [mocha, ...process.argv.slice(2)], {
    cwd: root,
    env: {
      ...process.env,
      ...(problem === undefined ? {} : { LCLAB_NO_BROWSER_TESTS: problem }),
      ...(chromium === undefined ? {} : { CHROMIUM: chromium }),
    },
  });
});

/** The Python for .venv, or why the browser tests cannot run. */
function jupyterOrProblem() {
  if (findChromium() === undefined) {
    const got = process.env.CHROMIUM ? `CHROMIUM=${process.env.CHROMIUM}` : "none";
    return {
      problem: `browser tests: a Chromium must be on the PATH or named by CHROMIUM, got ${got}. On Debian: apt install chromium.`,
    };
  }
  try {
    return { python: pythonFor(root, "browser tests") };
  } catch (error) {
    if (error instanceof Refusal) return { problem: error.message };
    throw error;
  }
}
