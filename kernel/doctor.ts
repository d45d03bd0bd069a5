import { existsSync, realpathSync } from "node:fs";
import { isAbsolute, join, sep } from "node:path";
import { tfjs, tfjsNode } from "./doctor-tfjs.ts";
import { typescriptServer } from "./doctor-typescript.ts";
import { dataFolder, labextension } from "./install.ts";
import { nodeVersion, packageRoot, recommendedMajor } from "./node-runtime.ts";
import { type Finding, manifestOf, output, parseJson, readJson } from "./probe.ts";

export type { Finding } from "./probe.ts";

/** What is examined; the defaults are this process and its folder. */
export interface Patient {
  /** Folder of the lclab package. */
  root?: string;
  /** Folder of the user's project, whose packages and those of the folders above it are looked at. */
  folder?: string;
  env?: NodeJS.ProcessEnv;
  /** The running Node. */
  node?: { path: string; version: string };
}

const oldestNode = [20, 19];
/** As many as the engine takes by itself at most. */
const mostThreads = 8;
const installFix =
  "Write npx lclab install --sys-prefix (or --user) for your own Jupyter, or npm start in lclab's own folder.";
const marks = { ok: "✓", optional: "–", missing: "✗" } as const;

/** Looks at everything that a notebook needs. Uses no network and changes nothing. */
export async function examine({
  root = packageRoot(),
  folder = process.cwd(),
  env = process.env,
  node = { path: process.execPath, version: process.versions.node },
}: Patient = {}): Promise<Finding[]> {
  const jupyter = await findJupyter(root, env);
  const spec = findSpec(jupyter.data);
  // What the kernel loads must load under its Node.
  const own = spec?.argv[0];
  const path = own !== undefined && (await nodeVersion(own)) !== undefined ? own : node.path;
  return Promise.all([
    runningNode(node.version),
    kernelsNode(spec),
    jupyter.finding,
    kernelspec(spec, root),
    figureRenderer(jupyter, root),
    loads("zeromq", "new it.Router().close()", root, path, env),
    loads("esbuild", "it.transformSync('let a: number', { loader: 'ts' })", root, path, env),
    typescriptServer(root, path, env),
    wasm("WASM engine", root, "engine", path, env),
    wasm("WASM algebra", root, "math", path, env),
    tfjsNode(root, folder, path, env),
    tfjs(folder, path, env),
    python(env),
  ]);
}

/** The findings as text, one line each. */
export function report(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  return findings
    .map(({ name, status, detail, fix }) =>
      [marks[status], name.padEnd(width), fix ? `${detail}. ${fix}` : detail].join(" "),
    )
    .join("\n");
}

function runningNode(version: string): Finding {
  return {
    name: "Node",
    ...grade(version),
    ...fixUnlessNew(
      version,
      "Install Node 24; kernels installed by npm start or lclab install have their own.",
    ),
  };
}

function grade(version: string): { status: Finding["status"]; detail: string } {
  const [major, minor] = version.split(".").map(Number);
  if (major >= recommendedMajor) return { status: "ok", detail: version };
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]))
    return { status: "optional", detail: `${version} works, ${recommendedMajor} trains faster` };
  return { status: "missing", detail: `${version}, must be ${oldestNode.join(".")} or newer` };
}

function fixUnlessNew(version: string, fix: string): { fix?: string } {
  return grade(version).status === "ok" ? {} : { fix };
}

/** Our kernelspec: where it is, and its argv as far as it is one. */
interface Spec {
  path: string;
  argv: string[];
}

function findSpec(data: readonly string[]): Spec | undefined {
  const path = data
    .map((folder) => join(folder, "kernels", "lclab", "kernel.json"))
    .find((file) => existsSync(file));
  if (path === undefined) return undefined;
  const { argv } = readJson(path) as { argv?: unknown };
  const strings = Array.isArray(argv) && argv.every((arg) => typeof arg === "string");
  return { path, argv: strings ? (argv as string[]) : [] };
}

async function kernelsNode(spec: Spec | undefined): Promise<Finding> {
  const name = "kernel's Node";
  const path = spec?.argv[0];
  if (path === undefined)
    return { name, status: "missing", detail: "no kernel is installed", fix: installFix };
  const version = await nodeVersion(path);
  if (version === undefined)
    return { name, status: "missing", detail: `${path} does not answer`, fix: installFix };
  const { status, detail } = grade(version);
  return {
    name,
    status,
    detail: `${detail} (${path})`,
    ...fixUnlessNew(version, "Install the kernel again with a network, it fetches Node 24."),
  };
}

function kernelspec(spec: Spec | undefined, root: string): Finding {
  const name = "kernelspec";
  const wrong = (detail: string): Finding => ({ name, status: "missing", detail, fix: installFix });
  if (!spec) return wrong(`Jupyter has no kernel "lclab"`);
  const programs = spec.argv.filter((arg) => !arg.startsWith("--"));
  if (programs.length < 2) return wrong(`${spec.path} has no argv`);
  for (const path of programs.slice(0, 2)) {
    if (!isAbsolute(path)) return wrong(`${spec.path} names ${path}, which is not absolute`);
    if (!existsSync(path)) return wrong(`${spec.path} names ${path}, which is not there`);
  }
  const main = programs[1];
  if (!realpathSync(main).startsWith(realpathSync(root) + sep))
    return {
      name,
      status: "optional",
      detail: `${spec.path} runs another lclab, ${main}`,
      fix: "To have this one, write npx lclab install --sys-prefix (or --user).",
    };
  return { name, status: "ok", detail: spec.path };
}

/** A Jupyter, and the folders where it looks for data and for settings. */
interface Jupyter {
  finding: Finding;
  data: string[];
  config: string[];
}

/** The Jupyter of `npm start` if it is there, else the one on the PATH. */
async function findJupyter(root: string, env: NodeJS.ProcessEnv): Promise<Jupyter> {
  const name = "Jupyter";
  const own = process.platform === "win32" ? ["Scripts", "jupyter.exe"] : ["bin", "jupyter"];
  const local = join(root, ".venv", ...own);
  const commands = [
    ...(existsSync(local) ? [[local]] : []),
    ["jupyter"],
    ["python3", "-m", "jupyter"],
  ];
  for (const command of commands) {
    const paths = parseJson(await output([...command, "--paths", "--json"], env));
    const { data, config } = paths as { data?: string[]; config?: string[] };
    if (!Array.isArray(data) || !Array.isArray(config)) continue;
    const version = (await output([...command, "lab", "--version"], env))?.trim();
    const place = command.join(" ");
    const finding: Finding = version
      ? { name, status: "ok", detail: `JupyterLab ${version} (${place})` }
      : {
          name,
          status: "missing",
          detail: `${place} has no JupyterLab`,
          fix: "Write npm start, or pip install jupyterlab.",
        };
    return { finding, data, config };
  }
  return {
    finding: {
      name,
      status: "missing",
      detail: "not found",
      fix: "Write npm start, or pip install jupyterlab. Without it, lclab run makes reports of notebooks.",
    },
    data: [dataFolder("user", env)],
    config: [],
  };
}

function figureRenderer({ data, config }: Jupyter, root: string): Finding {
  const name = "figure renderer";
  const folder = data
    .map((path) => join(path, "labextensions", labextension))
    .find((path) => existsSync(join(path, "package.json")));
  if (!folder)
    return {
      name,
      status: "missing",
      detail: `JupyterLab has no extension "${labextension}"`,
      fix: installFix,
    };
  const pages = [
    ...config.map((path) => join(path, "labconfig", "page_config.json")),
    ...data.map((path) => join(path, "lab", "settings", "page_config.json")),
  ];
  const page = pages.find(disables);
  if (page)
    return {
      name,
      status: "missing",
      detail: `disabled by ${page}`,
      fix: `Write jupyter labextension enable ${labextension}.`,
    };
  // A copy, which an update of lclab does not reach; its files are named by their content.
  const build = (path: string) =>
    (readJson(join(path, "package.json")) as { jupyterlab?: { _build?: { load?: string } } })
      .jupyterlab?._build?.load;
  const ours = build(join(root, "dist", "labextension"));
  if (ours !== undefined && build(folder) !== ours)
    return {
      name,
      status: "optional",
      detail: `${folder} is of another build`,
      fix: "Write npx lclab install --sys-prefix (or --user) again.",
    };
  return { name, status: "ok", detail: folder };
}

/** True if JupyterLab's settings at `page` switch our extension, or a plugin of it, off. */
function disables(page: string): boolean {
  const { disabledExtensions: listed = {} } = readJson(page) as { disabledExtensions?: object };
  const names = Array.isArray(listed)
    ? listed
    : Object.entries(listed).flatMap(([name, off]) => (off ? [name] : []));
  return names.some((name) => String(name).split(":")[0] === labextension);
}

/** A package of ours that has native parts. */
async function loads(
  name: string,
  use: string,
  root: string,
  node: string,
  env: NodeJS.ProcessEnv,
): Promise<Finding> {
  const code = `import("${name}").then((it) => { ${use}; process.exit(); })`;
  const version = manifestOf(root, name)?.version;
  const works = version && (await output([node, "-e", code], env, root)) !== undefined;
  if (works) return { name, status: "ok", detail: version };
  const fix =
    "Install the packages again: npm ci --ignore-scripts, or npm install in your project.";
  const detail = version ? `${version} does not load` : "not installed";
  return { name, status: "missing", detail, fix };
}

/** A child process instantiates the module as the library does: the engine's takes a memory that threads share. */
async function wasm(
  name: string,
  root: string,
  part: string,
  node: string,
  env: NodeJS.ProcessEnv,
): Promise<Finding> {
  const fix = "Write npm run build.";
  const file = join(root, "dist", part, "kernels.wasm");
  if (!existsSync(file)) return { name, status: "missing", detail: "not built", fix };
  const memory = "new WebAssembly.Memory({ initial: 1024, maximum: 65536, shared: true })";
  const code = `
    const module = new WebAssembly.Module(require("fs").readFileSync(process.argv[1]));
    const env = WebAssembly.Module.imports(module).length > 0 ? { memory: ${memory} } : {};
    const { exports } = new WebAssembly.Instance(module, { env });
    const threads = Math.min(require("os").availableParallelism(), ${mostThreads});
    console.log(JSON.stringify({ exports: Object.keys(exports).length, threads }));`;
  const answer = parseJson(await output([node, "-e", code, file], env));
  const { exports = 0, threads } = answer as { exports?: number; threads?: number };
  const { version } = readJson(join(root, "package.json")) as { version?: string };
  const on = part === "engine" ? `, ${threads} ${threads === 1 ? "thread" : "threads"}` : "";
  if (exports > 0) return { name, status: "ok", detail: `lclab ${version}${on} (${file})` };
  return { name, status: "missing", detail: `${file} does not load`, fix };
}

async function python(env: NodeJS.ProcessEnv): Promise<Finding> {
  const name = "Python";
  for (const command of [["python3"], ["python"], ["py", "-3"]]) {
    const code = "import sys; print('%d.%d.%d' % sys.version_info[:3])";
    const version = (await output([...command, "-c", code], env))?.trim();
    if (!version) continue;
    const detail = `${version} (${command.join(" ")})`;
    const [major, minor] = version.split(".").map(Number);
    if (major > 3 || (major === 3 && minor >= 9)) return { name, status: "ok", detail };
    const fix = "npm start needs Python 3.9 or newer for JupyterLab.";
    return { name, status: "optional", detail, fix };
  }
  const fix = "Install Python 3.9 or newer: npm start makes JupyterLab with it.";
  return { name, status: "optional", detail: "not found", fix };
}
