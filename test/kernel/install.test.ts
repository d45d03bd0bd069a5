import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { dataFolder, install, nodeOptions, uninstall } from "../../kernel/install.ts";
import { runtimes } from "../../kernel/node-runtime.ts";

const main = fileURLToPath(new URL("../../kernel/main.ts", import.meta.url));
// As a CommonJS module, which is how mocha loads it, this one has no import.meta.resolve.
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

interface Spec {
  argv: string[];
  interrupt_mode: string;
  language: string;
  metadata: { supported_encryption: string[] };
}

function readSpec(data: string): Spec {
  return JSON.parse(readFileSync(join(data, "kernels", "lclab", "kernel.json"), "utf8")) as Spec;
}

describe("install", () => {
  it("writes a kernelspec with absolute paths, and the Plotly renderer if it is built", () => {
    const dist = mkdtempSync(join(tmpdir(), "lclab-dist-"));
    const prefix = mkdtempSync(join(tmpdir(), "lclab-prefix-"));
    const main = join(dist, "kernel", "main.js");
    const data = dataFolder({ prefix });
    assert.equal(data, join(prefix, "share", "jupyter"));
    assert.match(
      install(data, main).join("\n"),
      /Did not install the Plotly renderer.*npm run build/,
    );
    const spec = readSpec(data);
    assert.deepEqual(spec.argv.slice(1), [...nodeOptions, main, "kernel", "{connection_file}"]);
    assert.ok(isAbsolute(spec.argv[0]));
    assert.equal(spec.interrupt_mode, "message");
    assert.equal(spec.language, "typescript");
    assert.deepEqual(spec.metadata.supported_encryption, ["curve"]);

    mkdirSync(join(dist, "labextension"));
    writeFileSync(join(dist, "labextension", "package.json"), "{}");
    install(data, main);
    assert.equal(
      readFileSync(join(data, "labextensions", "lclab-plotly", "package.json"), "utf8"),
      "{}",
    );
  });

  it("writes the Node that it is given into the kernelspec", () => {
    const prefix = mkdtempSync(join(tmpdir(), "lclab-prefix-"));
    const data = dataFolder({ prefix });
    install(data, join(prefix, "dist", "kernel", "main.js"), "/cache/bin/node");
    assert.equal(readSpec(data).argv[0], "/cache/bin/node");
  });

  it("uninstall removes what install wrote, and nothing else", () => {
    const prefix = mkdtempSync(join(tmpdir(), "lclab-prefix-"));
    const data = dataFolder({ prefix });
    install(data, join(prefix, "dist", "kernel", "main.js"));
    for (const folder of ["kernels/other", "labextensions/other", "labextensions/lclab-plotly"])
      mkdirSync(join(data, folder), { recursive: true });
    assert.deepEqual(
      uninstall(data).map((line) => line.replace(/ from .*/, "")),
      ['Removed the kernel "lclab"', "Removed the Plotly renderer"],
    );
    assert.deepEqual(readdirSync(join(data, "kernels")), ["other"]);
    assert.deepEqual(readdirSync(join(data, "labextensions")), ["other"]);
    assert.match(uninstall(data).join(), /^There was nothing of lclab in /);
  });

  it("refuses npx's cache, which npm clears, and writes nothing", () => {
    const prefix = mkdtempSync(join(tmpdir(), "lclab-prefix-"));
    const main = join(prefix, "_npx", "0a1b", "node_modules", "lclab", "dist", "kernel", "main.js");
    assert.throws(() => install(prefix, main), /npx's cache.*write npm install lclab, then npx/);
    assert.deepEqual(readdirSync(prefix), []);
  });

  it("says what to write where it may not write", () => {
    const prefix = mkdtempSync(join(tmpdir(), "lclab-prefix-"));
    writeFileSync(join(prefix, "share"), "a file where a folder must be");
    const data = dataFolder({ prefix });
    assert.throws(
      () => install(data, join(prefix, "main.js")),
      ({ message }) =>
        message.startsWith(`lclab: ${data} cannot be written (E`) && message.includes("--user"),
    );
  });

  it("follows Jupyter's folders", () => {
    assert.equal(dataFolder("user", { JUPYTER_DATA_DIR: "/j" }), "/j");
    assert.equal(dataFolder("user", { XDG_DATA_HOME: "/x" }, "linux"), join("/x", "jupyter"));
    assert.equal(dataFolder("sys-prefix", { VIRTUAL_ENV: "/v" }), join("/v", "share", "jupyter"));
  });
});

describe("lclab install", () => {
  let folder = "";
  let env: NodeJS.ProcessEnv;
  before(function () {
    if (process.platform === "win32") this.skip(); // the programs here are shell scripts
    folder = mkdtempSync(join(tmpdir(), "lclab-install-"));
    const { npm_execpath: _, ...rest } = process.env;
    env = { ...rest, LCLAB_CACHE: join(folder, "cache"), PATH: `${folder}:${process.env.PATH}` };
    script("npm", "echo npm error code ENOTFOUND >&2; exit 1");
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const script = (name: string, text: string): string => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return join(folder, name);
  };
  const lclab = (...args: string[]) =>
    spawnSync(process.execPath, ["--import", tsx, main, "install", "--prefix", folder, ...args], {
      env,
      encoding: "utf8",
    });
  const node = (): string => readSpec(join(folder, "share", "jupyter")).argv[0];
  const old = Number.parseInt(process.versions.node, 10) < 24;

  it("without network goes on with the Node that runs it, in one line, and fails nothing", () => {
    const { status, stdout, stderr } = lclab();
    assert.deepEqual([status, stderr, node()], [0, "", process.execPath]);
    const lines = stdout.split("\n").filter((line) => line.startsWith("The kernel runs on Node "));
    assert.equal(lines.length, old ? 1 : 0);
    if (old) assert.match(lines[0], /\(no Node 24: npm view failed \(ENOTFOUND\)\)\.$/);
  });

  it("a wrong call is told what to write, in one line, and any command has the help", () => {
    const call = (...args: string[]) => {
      const all = ["--import", tsx, main, ...args];
      const { status, stdout, stderr } = spawnSync(process.execPath, all, {
        env,
        encoding: "utf8",
      });
      return `${status} ${stdout}${stderr}`;
    };
    const wrong: [string[], RegExp][] = [
      [[], /^2 lclab: TypeScript for Jupyter/],
      [["install"], /^2 lclab install: write one of --user, --sys-prefix, --prefix DIR\.$/],
      [["uninstall", "--user", "--prefix", "x"], /^2 lclab uninstall: write one of /],
      [
        ["install", "--prefix"],
        /^2 lclab install: Option '--prefix <value>' argument missing\. Its/,
      ],
      [["install", "--usr"], /^2 lclab install: Unknown option '--usr'\. Its options are --user, /],
      [["doctor", "x"], /^2 lclab doctor: Unexpected argument 'x'\. Its options are --json\.$/],
      [["kernel"], /^2 lclab kernel: needs one connection file, got 0\.$/],
      [["kernel", "none.json"], /^2 lclab kernel: there is no connection file none\.json\.$/],
      [["run", "--help"], /^0 lclab: TypeScript for Jupyter/],
      [["--version"], /^0 \d+\.\d+\.\d+$/],
    ];
    for (const [args, expected] of wrong) assert.match(call(...args).trimEnd(), expected);
  });

  it("--system-node asks nobody", () => {
    const { status, stdout } = lclab("--system-node");
    assert.deepEqual([status, node()], [0, process.execPath]);
    assert.ok(!stdout.includes("Fetching"));
    assert.equal(stdout.includes("(as --system-node says)"), old);
  });

  it("takes Node 24 from the cache", function () {
    const runtime = runtimes[`${process.platform}-${process.arch}`];
    if (!old || !runtime) this.skip();
    const bin = join(folder, "cache", "node", `${runtime.name}-${runtime.version}`, "bin");
    mkdirSync(bin, { recursive: true });
    const text = `[ "$1" = --version ] || exit 0\necho v${runtime.version}`;
    writeFileSync(join(bin, "node"), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    const { status, stdout } = lclab();
    assert.deepEqual([status, node()], [0, join(bin, "node")]);
    assert.match(stdout, /^Installed the kernel/);
  });

  it("--node takes this one, if it answers", () => {
    const mine = script("mine", "echo v24.9.9");
    assert.equal(lclab("--node", mine).status, 0);
    assert.equal(node(), mine);
    const dead = lclab("--node", script("dead", "exit 1"));
    assert.equal(dead.status, 2);
    assert.match(dead.stderr, /--node must be a Node that answers --version, got ".*dead"\.\n$/);
    assert.equal(node(), mine);
    assert.match(lclab("--node", mine, "--system-node").stderr, /not both\.\n$/);
  });
});
