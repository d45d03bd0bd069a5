import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("../../scripts/tfjs-node.mjs", import.meta.url));

describe("npm run tfjs-node", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "lclab-tfjs-node-"));
    mkdirSync(join(folder, "bin"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** A package under tfjs-node's name; `source` is what it does when loaded. */
  const installed = (version: string, source: string, installer = "process.exit(1)"): void => {
    const at = join(folder, "node_modules", "@tensorflow", "tfjs-node");
    for (const part of ["dist", "scripts"]) mkdirSync(join(at, part), { recursive: true });
    const manifest = { name: "@tensorflow/tfjs-node", version, main: "dist/index.js" };
    writeFileSync(join(at, "package.json"), JSON.stringify(manifest));
    writeFileSync(join(at, "dist", "index.js"), source);
    writeFileSync(join(at, "scripts", "install.js"), installer);
  };
  const works = `
    exports.version = { "tfjs-node": "4.22.0" };
    exports.add = (a, b) => ({ dataSync: () => [a + b] });
    exports.backend = () => ({ binding: { TF_Version: "2.9.1" } });`;
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [script, "--folder", folder, ...args], {
      env: { PATH: join(folder, "bin"), npm_execpath: join(folder, "no-npm.js") },
      encoding: "utf8",
    });

  it("leaves alone what works, and says where it is", () => {
    installed("4.22.0", works, "throw new Error('called')");
    const { status, stdout, stderr } = run();
    const place = join("node_modules", "@tensorflow", "tfjs-node", "dist", "index.js");
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /^@tensorflow\/tfjs-node 4\.22\.0 on TensorFlow 2\.9\.1: /);
    assert.ok(stdout.trimEnd().endsWith(place), stdout);
    assert.deepEqual(readdirSync(folder).sort(), ["bin", "node_modules"]);
  });

  it("takes the package's own download where that works", () => {
    const installer = `
      require("fs").mkdirSync("deps");
      require("fs").writeFileSync("deps/here", "");`;
    installed(
      "4.22.0",
      `require("fs").readFileSync(__dirname + "/../deps/here");${works}`,
      installer,
    );
    const { status, stdout } = run();
    assert.equal(status, 0);
    assert.match(stdout, /by the package's own download: done/);
    assert.doesNotMatch(stdout, /tensorflow-cpu/);
  });

  it("names what this machine lacks for the other way, before anything is fetched", function () {
    if (process.platform !== "linux" || process.arch !== "x64") this.skip();
    installed("4.22.0", "throw new TypeError('no addon')", "throw new RangeError('no host')");
    const first = run();
    assert.equal(first.status, 1);
    assert.match(first.stdout, /did not work: RangeError: no host/);
    assert.match(
      first.stderr,
      /needs a C\+\+ compiler .* got none \(tried c\+\+, g\+\+, clang\+\+\)/,
    );
    symlinkSync("/bin/true", join(folder, "bin", "c++"));
    assert.match(run("--from-wheel").stderr, /needs Python with pip .* got no Python\./);
    writeFileSync(join(folder, "bin", "python3"), '#!/bin/sh\n[ "$1" = --version ]\n', {
      mode: 0o755,
    });
    assert.match(run("--from-wheel").stderr, /got python3 without pip\. On Debian: apt install/);
  });

  it("refuses another version, and arguments it does not know", () => {
    installed("4.21.0", works);
    assert.match(run().stderr, /must be version 4\.22\.0, got @tensorflow\/tfjs-node 4\.21\.0/);
    assert.match(run("tset").stderr, /unknown argument "tset"\. Write npm run tfjs-node -- test/);
    assert.match(run("--wheel").stderr, /--wheel needs a path/);
    assert.match(
      run("--wheel", join(folder, "a.whl")).stderr,
      /--wheel must name a file tensorflow_cpu/,
    );
  });
});
