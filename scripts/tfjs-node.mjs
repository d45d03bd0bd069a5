/**
 * `npm run tfjs-node`: a working @tensorflow/tfjs-node in a folder of its own, also where what its install script
 * downloads is out of reach: then TensorFlow comes from the Python package `tensorflow-cpu`, and the addon is compiled here.
 * What works already is left alone.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, delimiter, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { checkNode } from "./checks.mjs";
import { preparePackages } from "./prepare.mjs";
import { runLoudly, runQuietly } from "./run.mjs";
import { Refusal, runMain, stages } from "./say.mjs";
import { buildNative, npmInstall } from "./tfjs-node-build.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const name = "@tensorflow/tfjs-node";
const version = "4.22.0";
const who = "npm run tfjs-node";
/** Without one file of libtensorflow after this long, its host counts as out of reach. */
const firstFileMs = 20_000;

const help = `${who} [-- test] [-- options]     makes ${name} ${version} usable

  test             then runs the tests of the tfjs engine on it; what follows goes to mocha
  --folder DIR     the project whose node_modules gets it (default: .lclab/tfjs-node)
  --wheel FILE     a tensorflow_cpu wheel that is here already
  --from-wheel     without trying the package's own download
  --help           this text

Needs npm; if the package's own download is out of reach, Linux on x86-64, Python with pip and a C++ compiler too.
`;

await runMain(async () => {
  const { folder, wheel, fromWheel, test, rest, help: asked } = options(process.argv.slice(2));
  if (asked) {
    process.stdout.write(help);
    return 0;
  }
  checkNode(who);
  const stage = stages(test ? 5 : 3);
  await stage("Package by npm", (announce) => installPackage(folder, announce));
  const place = join(folder, "node_modules", name);
  let problem = await loads(folder);
  await stage("TensorFlow by the package's own download", async (announce) => {
    if (problem === undefined || fromWheel || wheel) return false;
    announce();
    const failure = await ownDownload(folder, place);
    if (failure !== undefined) process.stdout.write(`      did not work: ${failure}\n`);
    problem = failure ?? (await loads(folder));
  });
  await stage("TensorFlow from tensorflow-cpu, addon by the C++ compiler", async (announce) => {
    if (problem === undefined) return false;
    announce();
    checkPlatform();
    await buildNative({ who, place, wheel });
    problem = await loads(folder);
  });
  if (problem !== undefined) {
    throw new Refusal(
      `${who}: ${name} is in ${place} and does not load: ${problem}. Remove that folder and start again.`,
    );
  }
  const entry = join(place, "dist", "index.js");
  process.stdout.write(`${await versions(folder)}: ${relative(process.cwd(), entry) || entry}\n`);
  return test ? runTests(stage, entry, rest) : 0;
});

/** @throws Refusal at an argument that is not ours, unless it comes after `test`: then it is mocha's. */
function options(args) {
  const test = args[0] === "test";
  const found = { test, rest: [], help: false, fromWheel: false };
  const own = test ? args.slice(1) : args;
  for (let i = 0; i < own.length; i++) {
    const [option, inline] = own[i].split(/=(.*)/s);
    const path = () => {
      const value = inline ?? own[++i];
      if (value) return resolve(value);
      throw new Refusal(`${who}: ${option} needs a path. Write ${option} PATH.`);
    };
    if (option === "--help" || option === "-h") found.help = true;
    else if (option === "--from-wheel") found.fromWheel = true;
    else if (option === "--folder") found.folder = path();
    else if (option === "--wheel") found.wheel = checkWheel(path());
    else if (test) found.rest.push(own[i]);
    else {
      throw new Refusal(
        `${who}: unknown argument ${JSON.stringify(own[i])}. Write ${who} -- test, or use --folder DIR, --wheel FILE, --from-wheel, --help.`,
      );
    }
  }
  return { folder: join(root, ".lclab", "tfjs-node"), ...found };
}

function checkWheel(path) {
  if (existsSync(path) && /^tensorflow_cpu-.*\.whl$/.test(basename(path))) return path;
  throw new Refusal(
    `${who}: --wheel must name a file tensorflow_cpu-….whl, got ${JSON.stringify(path)}.`,
  );
}

/** Installs the package without its install script. */
async function installPackage(folder, announce) {
  const present = manifest(folder, name);
  if (present && (present.name !== name || present.version !== version)) {
    throw new Refusal(
      `${who}: ${name} in ${folder} must be version ${version}, got ${present.name} ${present.version}. Name another --folder, or leave it out.`,
    );
  }
  if (present) return false;
  announce();
  mkdirSync(folder, { recursive: true });
  const own = join(folder, "package.json");
  // Without one, npm would install into the project around the folder.
  if (!existsSync(own)) writeFileSync(own, '{ "private": true }\n');
  await npmInstall(folder, `${name}@${version}`);
}

/** Runs the package's install script; why it failed, if it did, or if nothing has come after a while. */
async function ownDownload(folder, place) {
  const deps = join(place, "deps");
  const control = new AbortController();
  const timer = setTimeout(() => {
    if (!existsSync(deps) || readdirSync(deps).length === 0) control.abort();
  }, firstFileMs);
  // node-pre-gyp, which it calls, is found as under npm.
  const path = `${join(folder, "node_modules", ".bin")}${delimiter}${process.env.PATH ?? ""}`;
  try {
    await runQuietly(process.execPath, [join("scripts", "install.js")], {
      cwd: place,
      env: { ...process.env, PATH: path },
      signal: control.signal,
      what: "its install script",
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    // What has come may be half of it.
    rmSync(deps, { recursive: true, force: true });
    return control.signal.aborted ? `nothing came in ${firstFileMs / 1000} s` : reason(error);
  } finally {
    clearTimeout(timer);
  }
}

/** What a program's output says went wrong: its first error, else its last line. */
function reason({ message }) {
  return /\w*Error: .*$/m.exec(message)?.[0] ?? message.split("\n").at(-1);
}

function checkPlatform() {
  if (process.platform === "linux" && process.arch === "x64") return;
  throw new Refusal(
    `${who}: the download of ${name} did not work, and the way over tensorflow-cpu is for linux x64, got ${process.platform} ${process.arch}. Start again where the download works; the built-in engine needs none of this.`,
  );
}

/** Undefined if the package loads and computes, in a process of its own; else why not. */
async function loads(folder) {
  try {
    await runHere(
      folder,
      `if (tf.add(1, 2).dataSync()[0] !== 3) throw new Error("1 + 2 is not 3");`,
    );
    return undefined;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return reason(error);
  }
}

/** Versions of the package and of TensorFlow, which itself writes lines of its own. */
async function versions(folder) {
  const line = `"${name} " + tf.version["tfjs-node"] + " on TensorFlow " + tf.backend().binding.TF_Version`;
  const output = await runHere(folder, `console.log(${line});`);
  return output.split("\n").find((text) => text.startsWith(name));
}

/** Runs `code` with `tf`; Node 23 took away two functions that it calls. */
async function runHere(folder, code) {
  const start = `const util = require("util");
    util.isArray ??= Array.isArray;
    util.isNullOrUndefined ??= (value) => value == null;
    const tf = require("${name}");`;
  return runQuietly(process.execPath, ["-e", `${start}\n${code}`], {
    cwd: folder,
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: "3" },
    what: name,
  });
}

/** The tests of the tfjs engine and of its models, on the module at `entry`. */
async function runTests(stage, entry, more) {
  await preparePackages(root, stage);
  const mocha = join(root, "node_modules/mocha/bin/mocha.js");
  const files = ["test/engine/tfjs.test.ts", "test/net/tfjs.test.ts"];
  const settings = ["--no-config", "--no-package", "--import=tsx", "--timeout", "120000"];
  return runLoudly(process.execPath, [mocha, ...settings, ...files, ...more], {
    cwd: root,
    env: {
      TF_ENABLE_ONEDNN_OPTS: "1",
      TF_CPP_MIN_LOG_LEVEL: "3",
      ...process.env,
      LCLAB_TFJS: entry,
    },
  });
}

/** package.json of a package in `folder`; undefined if it is not there. */
function manifest(folder, of) {
  try {
    return JSON.parse(readFileSync(join(folder, "node_modules", of, "package.json"), "utf8"));
  } catch {
    return undefined;
  }
}
