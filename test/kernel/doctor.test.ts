import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { examine, type Finding, type Patient, report } from "../../kernel/doctor.ts";

const main = fileURLToPath(new URL("../../kernel/main.ts", import.meta.url));
// As a CommonJS module, which is how mocha loads it, this one has no import.meta.resolve.
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

/** (module (import "env" "memory" (memory 1 65536 shared)) (func (export "f"))), the import only if `shared`. */
function wasmModule(shared: boolean): Uint8Array {
  const memory = [2, 18, 1, 3, ...Buffer.from("env"), 6, ...Buffer.from("memory"), 2, 3, 1];
  const bytes = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0];
  if (shared) bytes.push(...memory, 0x80, 0x80, 4);
  bytes.push(3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 4, 1, 2, 0, 11);
  return Uint8Array.from(bytes);
}

describe("doctor", () => {
  let folder = "";
  let patient: Patient;
  before(function () {
    if (process.platform === "win32") this.skip(); // the programs here are shell scripts
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "lclab-doctor-"));
    mkdirSync(join(folder, "bin"));
    symlinkSync("/bin/sh", join(folder, "bin", "sh"));
    patient = {
      root: join(folder, "root"),
      folder: join(folder, "project"),
      env: { PATH: join(folder, "bin"), HOME: folder, JUPYTER_DATA_DIR: join(folder, "data") },
      node: { path: process.execPath, version: "24.1.0" },
    };
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const write = (path: string, content: string | Uint8Array, mode = 0o644): string => {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    rmSync(file, { force: true });
    writeFileSync(file, content, { mode });
    return file;
  };
  const program = (path: string, script: string): string =>
    write(path, `#!/bin/sh\n${script}\n`, 0o755);
  const module = (where: string, name: string, source: string, own: string = name): void => {
    const at = join(where, "node_modules", name);
    write(join(at, "package.json"), JSON.stringify({ name: own, version: "1.2.3", main: "i.js" }));
    write(join(at, "i.js"), source);
  };
  const spec = (argv: unknown): string =>
    write("data/kernels/lclab/kernel.json", JSON.stringify({ argv }));
  const jupyter = (lab = "echo 4.6.6"): string =>
    program(
      "bin/jupyter",
      `case "$1" in
        --paths) echo '{ "data": ["${folder}/data"], "config": ["${folder}/config"] }' ;;
        lab) ${lab} ;;
      esac`,
    );

  /** A Node that calls itself 24 and runs code as ours does, where `more` does not prevent it. */
  const kernelsNode = (more = ""): string =>
    program(
      "own/node",
      `[ "$1" = --version ] && echo v24.21.0 && exit\n${more}\nexec "${process.execPath}" "$@"`,
    );

  /** A tfjs of one backend, on a TensorFlow if it has one. */
  const tensorflow = (backend: string, version?: string): string => `
    exports.ready = async () => true;
    exports.engine = () => ({ registryFactory: { ${backend}: 0 } });
    exports.backend = () => (${JSON.stringify(version ? { binding: { TF_Version: version } } : {})});
    exports.add = (a, b) => ({ dataSync: () => [a + b] });`;

  const extension = (load: string): string => JSON.stringify({ jupyterlab: { _build: { load } } });
  /** A TypeScript whose program does what `script` says. */
  const typescript = (version: string, script = `echo Version ${version}`): void => {
    const at = "root/node_modules/typescript";
    write(`${at}/package.json`, JSON.stringify({ name: "typescript", version, type: "module" }));
    const path = JSON.stringify(program(`${at}/tsc`, script));
    write(`${at}/lib/getExePath.js`, `export default () => ${path};`);
  };

  /** A machine on which everything is there. */
  function everything(): void {
    program("bin/python3", "echo 3.11.7");
    jupyter();
    const node = kernelsNode();
    spec([node, write("root/main.js", ""), "kernel", "{connection_file}"]);
    for (const place of ["data/labextensions/lclab-plotly", "root/dist/labextension"])
      write(join(place, "package.json"), extension("static/remoteEntry.1.js"));
    module("root", "zeromq", "exports.Router = class { close() {} };");
    module("root", "esbuild", "exports.transformSync = () => ({});");
    typescript("7.9.1");
    write("root/package.json", '{ "version": "0.9.0" }');
    write("root/dist/engine/kernels.wasm", wasmModule(true));
    write("root/dist/math/kernels.wasm", wasmModule(false));
    module("project", "@tensorflow/tfjs-node", tensorflow("tensorflow", "2.9.1"));
    module("project", "@tensorflow/tfjs", tensorflow("cpu"));
  }

  const statuses = (findings: readonly Finding[]): Record<string, string> =>
    Object.fromEntries(findings.map(({ name, status }) => [name, status]));
  const finding = async (name: string): Promise<Finding> => {
    const found = (await examine(patient)).find((one) => one.name === name);
    assert.ok(found, name);
    return found;
  };

  it("where there is nothing, says so of everything, with the fix, and writes nothing", async () => {
    const findings = await examine(patient);
    assert.deepEqual(statuses(findings), {
      Node: "ok",
      "kernel's Node": "missing",
      Jupyter: "missing",
      kernelspec: "missing",
      "figure renderer": "missing",
      zeromq: "missing",
      esbuild: "missing",
      "TypeScript server": "optional",
      "WASM engine": "missing",
      "WASM algebra": "missing",
      "@tensorflow/tfjs-node": "optional",
      "@tensorflow/tfjs": "optional",
      Python: "optional",
    });
    for (const { name, status, fix } of findings) assert.equal(status === "ok", !fix, name);
    assert.deepEqual(spawnSync("ls", [folder], { encoding: "utf8" }).stdout, "bin\n");
  });

  it("where everything is there, is content and says where", async () => {
    everything();
    patient = { ...patient, env: { ...patient.env, TF_ENABLE_ONEDNN_OPTS: "1" } };
    const threads = Math.min(availableParallelism(), 8);
    const native = join(folder, "project", "node_modules", "@tensorflow/tfjs-node");
    const findings = await examine(patient);
    assert.deepEqual(
      findings.map(({ name, status, detail, fix }) => [name, status, detail, fix]),
      [
        ["Node", "24.1.0"],
        ["kernel's Node", `24.21.0 (${join(folder, "own", "node")})`],
        ["Jupyter", "JupyterLab 4.6.6 (jupyter)"],
        ["kernelspec", join(folder, "data/kernels/lclab/kernel.json")],
        ["figure renderer", join(folder, "data/labextensions/lclab-plotly")],
        ["zeromq", "1.2.3"],
        ["esbuild", "1.2.3"],
        ["TypeScript server", `7.9.1 (${join(folder, "root/node_modules/typescript")})`],
        [
          "WASM engine",
          `lclab 0.9.0, ${threads} thread${threads === 1 ? "" : "s"} (${join(folder, "root/dist/engine/kernels.wasm")})`,
        ],
        ["WASM algebra", `lclab 0.9.0 (${join(folder, "root/dist/math/kernels.wasm")})`],
        ["@tensorflow/tfjs-node", `1.2.3 on TensorFlow 2.9.1 (${native}), oneDNN on`],
        ["@tensorflow/tfjs", "1.2.3, backends cpu"],
        ["Python", "3.11.7 (python3)"],
      ].map(([name, detail]) => [name, "ok", detail, undefined]),
    );
  });

  const disable = (file: string, extensions: unknown) => (): void =>
    void write(file, JSON.stringify({ disabledExtensions: extensions }));
  const sick: readonly [
    string,
    () => void,
    string,
    Finding["status"],
    RegExp,
    RegExp | undefined,
  ][] = [
    [
      "a relative path in argv",
      () => spec(["node", "main.js"]),
      "kernelspec",
      "missing",
      /names node, which is not absolute/,
      /npx lclab install --sys-prefix/,
    ],
    [
      "an argv whose program is gone",
      () => rmSync(join(folder, "root/main.js")),
      "kernelspec",
      "missing",
      /names .*main\.js, which is not there/,
      /npx lclab install --sys-prefix/,
    ],
    [
      "a kernelspec without argv",
      () => spec("node"),
      "kernelspec",
      "missing",
      /has no argv/,
      /npx lclab install --sys-prefix/,
    ],
    [
      "a kernelspec that is not JSON",
      () => write("data/kernels/lclab/kernel.json", "{"),
      "kernelspec",
      "missing",
      /has no argv/,
      /npx lclab install --sys-prefix/,
    ],
    [
      "a kernel's Node that does not run",
      () => program("own/node", "exit 1"),
      "kernel's Node",
      "missing",
      /does not answer/,
      /npx lclab install --sys-prefix/,
    ],
    [
      "a kernel on Node 20",
      () => program("own/node", "echo v20.19.1"),
      "kernel's Node",
      "optional",
      /^20\.19\.1 works, 24 trains faster/,
      /Install the kernel again with a network/,
    ],
    [
      "a kernel on Node 18",
      () => program("own/node", "echo v18.20.0"),
      "kernel's Node",
      "missing",
      /^18\.20\.0, must be 20\.19 or newer/,
      /Install the kernel again with a network/,
    ],
    [
      "a Jupyter without JupyterLab",
      () => jupyter("exit 1"),
      "Jupyter",
      "missing",
      /jupyter has no JupyterLab/,
      /pip install jupyterlab/,
    ],
    [
      "a renderer disabled by the user",
      disable("config/labconfig/page_config.json", { "lclab-plotly": true }),
      "figure renderer",
      "missing",
      /disabled by .*config.labconfig/,
      /jupyter labextension enable lclab-plotly/,
    ],
    [
      "a plugin of the renderer disabled for all",
      disable("data/lab/settings/page_config.json", ["lclab-plotly:plugin"]),
      "figure renderer",
      "missing",
      /disabled by .*data.lab.settings/,
      /jupyter labextension enable lclab-plotly/,
    ],
    [
      "another extension disabled",
      disable("config/labconfig/page_config.json", { other: true, "lclab-plotly": false }),
      "figure renderer",
      "ok",
      /labextensions/,
      undefined,
    ],
    [
      "a zeromq that does not load",
      () => module("root", "zeromq", "throw new Error('ABI');"),
      "zeromq",
      "missing",
      /^1\.2\.3 does not load/,
      /npm ci --ignore-scripts/,
    ],
    [
      "a zeromq that does not load under the kernel's Node",
      () => kernelsNode("exit 1"),
      "zeromq",
      "missing",
      /^1\.2\.3 does not load/,
      /npm ci --ignore-scripts/,
    ],
    [
      "a TypeScript before the language server",
      () => typescript("5.9.3"),
      "TypeScript server",
      "optional",
      /^typescript 5\.9\.3 has none, it must be 7 or newer/,
      /npm ci --ignore-scripts/,
    ],
    [
      "a TypeScript without the program of this platform",
      () => typescript("7.0.2", "exit 1"),
      "TypeScript server",
      "optional",
      /^typescript 7\.0\.2 does not start/,
      /npm ci --ignore-scripts/,
    ],
    [
      "damaged kernels",
      () => write("root/dist/engine/kernels.wasm", wasmModule(true).subarray(0, 30)),
      "WASM engine",
      "missing",
      /does not load/,
      /npm run build/,
    ],
    [
      "a tfjs-node without its library",
      () => module("project", "@tensorflow/tfjs-node", "throw new Error('libtensorflow');"),
      "@tensorflow/tfjs-node",
      "optional",
      /^1\.2\.3 in .*tfjs-node does not load/,
      /scripts.tfjs-node\.mjs/,
    ],
    [
      "another package under the name of tfjs-node",
      () => module("project", "@tensorflow/tfjs-node", "", "@tensorflow/tfjs"),
      "@tensorflow/tfjs-node",
      "optional",
      /^is @tensorflow\/tfjs 1\.2\.3 under this name/,
      /scripts.tfjs-node\.mjs/,
    ],
    [
      "a tfjs-node that computes wrongly",
      () =>
        module(
          "project",
          "@tensorflow/tfjs-node",
          `${tensorflow("t", "2")}; exports.add = () => ({ dataSync: () => [4] });`,
        ),
      "@tensorflow/tfjs-node",
      "optional",
      /does not load/,
      /scripts.tfjs-node\.mjs/,
    ],
    [
      "oneDNN that is left to TensorFlow",
      () => {},
      "@tensorflow/tfjs-node",
      "ok",
      /TF_ENABLE_ONEDNN_OPTS=1, set before the import/,
      undefined,
    ],
    [
      "a tfjs that does not load",
      () => module("project", "@tensorflow/tfjs", "throw new Error();"),
      "@tensorflow/tfjs",
      "optional",
      /^1\.2\.3 does not load/,
      /npm install @tensorflow\/tfjs$/,
    ],
    [
      "a Python 3.8",
      () => program("bin/python3", "echo 3.8.1"),
      "Python",
      "optional",
      /^3\.8\.1/,
      /Python 3\.9 or newer/,
    ],
    [
      "a kernel of an lclab that has moved away",
      () => renameSync(join(folder, "root"), join(folder, "moved")),
      "kernelspec",
      "missing",
      /names .*root.main\.js, which is not there/,
      /npx lclab install --sys-prefix/,
    ],
    [
      "a kernel of another lclab",
      () => spec([kernelsNode(), write("other/main.js", ""), "kernel", "{connection_file}"]),
      "kernelspec",
      "optional",
      /runs another lclab, .*other.main\.js$/,
      /npx lclab install --sys-prefix/,
    ],
    [
      "a renderer that is not installed",
      () => rmSync(join(folder, "data/labextensions"), { recursive: true }),
      "figure renderer",
      "missing",
      /has no extension "lclab-plotly"/,
      /npx lclab install --sys-prefix/,
    ],
    [
      "a renderer of another build",
      () =>
        write("data/labextensions/lclab-plotly/package.json", extension("static/remoteEntry.0.js")),
      "figure renderer",
      "optional",
      /is of another build/,
      /npx lclab install --sys-prefix/,
    ],
    [
      "no Jupyter",
      () => {
        rmSync(join(folder, "bin/jupyter"));
        program("bin/python3", "exit 1");
      },
      "Jupyter",
      "missing",
      /^not found/,
      /pip install jupyterlab.*lclab run makes reports/,
    ],
    [
      "no Python",
      () => rmSync(join(folder, "bin/python3")),
      "Python",
      "optional",
      /^not found/,
      /Install Python 3\.9/,
    ],
    [
      "an old Node",
      () => {
        patient = { ...patient, node: { path: process.execPath, version: "20.18.0" } };
      },
      "Node",
      "missing",
      /must be 20\.19 or newer/,
      /Install Node 24/,
    ],
    [
      "an esbuild that is gone",
      () => rmSync(join(folder, "root/node_modules/esbuild"), { recursive: true }),
      "esbuild",
      "missing",
      /^not installed/,
      /npm ci --ignore-scripts/,
    ],
    [
      "algebra that is not built",
      () => rmSync(join(folder, "root/dist/math"), { recursive: true }),
      "WASM algebra",
      "missing",
      /^not built/,
      /npm run build/,
    ],
  ];
  for (const [title, spoil, name, status, detail, fix] of sick)
    it(`sees ${title}`, async () => {
      everything();
      spoil();
      const found = await finding(name);
      assert.equal(found.status, status);
      assert.match(found.detail, detail);
      if (fix === undefined) assert.equal(found.fix, undefined);
      else assert.match(found.fix ?? "", fix);
    });

  it("prefers the Jupyter of npm start, and finds tfjs in the folders above", async () => {
    everything();
    const own = "root/.venv/bin/jupyter";
    program(own, `[ "$1" = lab ] && echo 4.5.0 || echo '{ "data": [], "config": [] }'`);
    patient = { ...patient, folder: join(folder, "project", "notebooks") };
    const findings = await examine(patient);
    const detail = (name: string) => findings.find((one) => one.name === name)?.detail;
    assert.equal(detail("Jupyter"), `JupyterLab 4.5.0 (${join(folder, own)})`);
    assert.equal(detail("kernelspec"), 'Jupyter has no kernel "lclab"');
    assert.equal(detail("@tensorflow/tfjs"), "1.2.3, backends cpu");
  });

  it("says how to get a tfjs-node: into the project, or beside an alias in a folder of its own", async () => {
    const name = "@tensorflow/tfjs-node";
    const script = `"${join(folder, "root", "scripts", "tfjs-node.mjs")}"`;
    const fix = async () => (await finding(name)).fix;
    // What lclab itself has under that name is not the user's.
    module("root", name, tensorflow("cpu"), "@tensorflow/tfjs");
    assert.equal((await finding(name)).detail, "not installed");
    const project = `"${join(folder, "project")}"`;
    assert.ok((await fix())?.endsWith(`write node ${script} --folder ${project}`));
    module("project", name, tensorflow("cpu"), "@tensorflow/tfjs");
    assert.ok((await fix())?.endsWith(`write node ${script}`));
    const { detail } = await finding("@tensorflow/tfjs");
    assert.equal(detail, "1.2.3 as @tensorflow/tfjs-node, backends cpu");
    module("root/.lclab/tfjs-node", name, tensorflow("tensorflow", "2.21.0"));
    const found = await finding(name);
    const place = join(folder, "root/.lclab/tfjs-node/node_modules", name);
    assert.equal(found.status, "ok");
    assert.ok(found.detail.startsWith(`1.2.3 on TensorFlow 2.21.0 (${place})`), found.detail);
  });

  it("reports one line each", () => {
    assert.equal(
      report([
        { name: "Node", status: "ok", detail: "24.1.0" },
        { name: "tfjs", status: "optional", detail: "not installed", fix: "Install it." },
        { name: "a", status: "missing", detail: "not there", fix: "Write b." },
      ]),
      "✓ Node 24.1.0\n– tfjs not installed. Install it.\n✗ a    not there. Write b.",
    );
  });

  it("lclab doctor fails only where something needed is missing, and writes nothing on stderr", () => {
    const doctor = (...args: string[]) =>
      spawnSync(process.execPath, ["--import", tsx, main, "doctor", ...args], {
        cwd: folder,
        env: patient.env,
        encoding: "utf8",
      });
    for (const prepare of [() => {}, everything]) {
      prepare();
      const { status, stdout, stderr } = doctor("--json");
      const findings = JSON.parse(stdout) as Finding[];
      assert.equal(stderr, "");
      assert.equal(status, findings.some((one) => one.status === "missing") ? 1 : 0);
      if (prepare === everything) assert.equal(doctor().stdout, `${report(findings)}\n`);
    }
  });
});
