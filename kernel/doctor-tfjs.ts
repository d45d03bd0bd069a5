import { join } from "node:path";
import { type Finding, manifestIn, manifestOf, output, parseJson } from "./probe.ts";

const tfjsName = "@tensorflow/tfjs";
const tfjsNodeName = "@tensorflow/tfjs-node";

/** What tells of a tfjs: its backends; of tfjs-node, the TensorFlow below and whether it uses oneDNN's convolutions. */
interface TfjsAnswer {
  backends?: string[];
  tensorflow?: string;
  sum?: number;
}

/** Loads the tfjs at `path` and has it compute. Node 23 took away two functions that tfjs-node calls. */
async function askTfjs(path: string, node: string, env: NodeJS.ProcessEnv): Promise<TfjsAnswer> {
  const code = `const util = require("util");
    util.isNullOrUndefined ??= (v) => v == null;
    util.isArray ??= Array.isArray;
    console.warn = () => {};
    const tf = require(process.argv[1]);
    tf.ready().then(() => {
      const backends = Object.keys(tf.engine().registryFactory);
      const tensorflow = tf.backend().binding?.TF_Version;
      const sum = tf.add(1, 2).dataSync()[0];
      console.log(JSON.stringify({ backends, tensorflow, sum }));
      process.exit();
    });`;
  return parseJson(await output([node, "-e", code, path], env)) as TfjsAnswer;
}

/** tfjs-node reads it once, when it is imported. */
function oneDnn({ TF_ENABLE_ONEDNN_OPTS: set }: NodeJS.ProcessEnv): string {
  if (set === "1") return "oneDNN on";
  const now = set === "0" ? "oneDNN off" : "oneDNN only on processors where TensorFlow chooses it";
  return `${now}: TF_ENABLE_ONEDNN_OPTS=1, set before the import, turns it on`;
}

/** Where `npm run tfjs-node` puts it. */
const ownFolder = (root: string): string => join(root, ".lclab", "tfjs-node");

/** In the user's project, or in a folder of its own. */
export async function tfjsNode(
  root: string,
  folder: string,
  node: string,
  env: NodeJS.ProcessEnv,
): Promise<Finding> {
  const name = tfjsNodeName;
  const problems: string[] = [];
  let alias = false;
  for (const found of [manifestOf(folder, name), manifestIn(ownFolder(root), name)]) {
    if (!found) continue;
    if (found.name !== name) {
      // An npm alias, made to keep the download out.
      problems.push(`is ${found.name} ${found.version} under this name`);
      alias = true;
      continue;
    }
    const { sum, tensorflow } = await askTfjs(found.path, node, env);
    if (sum !== 3) {
      problems.push(`${found.version} in ${found.path} does not load`);
      continue;
    }
    const detail = `${found.version} on TensorFlow ${tensorflow} (${found.path})`;
    return { name, status: "ok", detail: `${detail}, ${oneDnn(env)}` };
  }
  const script = join(root, "scripts", "tfjs-node.mjs");
  // Beside an alias, or in lclab itself, it gets a folder of its own.
  const where = alias || folder === root ? "" : ` --folder "${folder}"`;
  return {
    name,
    status: "optional",
    detail: problems.join("; ") || "not installed",
    fix: `For tfjs at full speed, write node "${script}"${where}`,
  };
}

export async function tfjs(folder: string, node: string, env: NodeJS.ProcessEnv): Promise<Finding> {
  const name = tfjsName;
  for (const under of [tfjsName, tfjsNodeName]) {
    const found = manifestOf(folder, under);
    if (found?.name !== tfjsName) continue;
    const { backends = [] } = await askTfjs(found.path, node, env);
    const version = under === name ? found.version : `${found.version} as ${under}`;
    if (backends.length > 0)
      return { name, status: "ok", detail: `${version}, backends ${backends.join(", ")}` };
    const fix = `Install it again: npm install ${name}`;
    return { name, status: "optional", detail: `${version} does not load`, fix };
  }
  const fix = `For models of tfjs, write npm install ${name}`;
  return { name, status: "optional", detail: "not installed", fix };
}
