/** What tfjs-node's own install script would download: TensorFlow's C library, and the addon, compiled. */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { runNpm } from "./dependencies.mjs";
import { runQuietly } from "./run.mjs";
import { Refusal } from "./say.mjs";

/** The newest that was tried; its C interface is the one of 2.9, which tfjs-node was written for. */
const wheelVersion = "2.21.0";

/** C headers of Node's addons: the same for every Node, so neither Node's own headers nor node-gyp are needed. */
const headers = { name: "node-api-headers", version: "1.9.0" };

/** Members of the wheel that are wanted: two libraries, and the headers that the addon includes. */
const unpack = `
import re, sys, zipfile
wheel, folder = sys.argv[1:]
wanted = re.compile(r"tensorflow/(libtensorflow_(cc|framework)[.]so[.]2|include/(tensorflow/c|tensorflow/core/platform|tsl/platform|xla/tsl/c)/.*[.]h)")
with zipfile.ZipFile(wheel) as archive:
    archive.extractall(folder, [name for name in archive.namelist() if wanted.fullmatch(name)])
`;

/** Under which names the addon and the install script look for the libraries. */
const links = {
  "libtensorflow_cc.so.2": "../wheel/tensorflow/libtensorflow_cc.so.2",
  "libtensorflow_framework.so.2": "../wheel/tensorflow/libtensorflow_framework.so.2",
  "libtensorflow.so": "libtensorflow_cc.so.2",
  "libtensorflow.so.2.9.1": "libtensorflow_cc.so.2",
  "libtensorflow_framework.so": "libtensorflow_framework.so.2",
};

/**
 * Makes the package at `place` complete: libraries and headers from the wheel, which pip fetches unless it is here, and the
 * addon. What is missing on this machine is said before anything is fetched.
 */
export async function buildNative({ who, place, wheel }) {
  const compiler = findCompiler(who);
  const python = findPython(who, wheel === undefined);
  const scratch = mkdtempSync(join(place, ".build-"));
  try {
    await unpackWheel({ who, python, place, wheel, scratch });
    writeFileSync(join(scratch, "package.json"), "{}\n");
    await npmInstall(scratch, `${headers.name}@${headers.version}`);
    const include = join(scratch, "node_modules", headers.name, "include");
    await compileAddon({ compiler, place, include });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Installs one package into `folder`, which has a package.json; no script runs. */
export async function npmInstall(folder, spec) {
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder];
  await runNpm(["install", ...flags, spec], {
    cwd: folder,
    what: `npm install ${spec}`,
    hint: "Check the network, then start again.",
  });
}

async function unpackWheel({ who, python, place, wheel, scratch }) {
  const deps = join(place, "deps");
  if (Object.keys(links).every((link) => existsSync(join(deps, "lib", link)))) return;
  const file = wheel ?? (await fetchWheel(python, scratch));
  const fresh = join(scratch, "deps");
  mkdirSync(join(fresh, "lib"), { recursive: true });
  await runQuietly(python, ["-c", unpack, file, join(fresh, "wheel")], {
    what: "unpacking the wheel",
    hint: "It needs 1 GB of disk. Make room, then start again.",
  });
  symlinkSync("wheel/tensorflow/include", join(fresh, "include"));
  for (const [link, target] of Object.entries(links)) {
    symlinkSync(target, join(fresh, "lib", link));
    if (existsSync(join(fresh, "lib", link))) continue;
    throw new Refusal(
      `${who}: the wheel must be a tensorflow_cpu ${wheelVersion} for linux x86-64, got one without ${target}.`,
    );
  }
  rmSync(deps, { recursive: true, force: true });
  renameSync(fresh, deps);
}

/** Whatever Python runs pip: the libraries are the same in the wheels of all Pythons. */
async function fetchWheel(python, scratch) {
  const which = ["--python-version", "3.12", "--implementation", "cp"];
  const flags = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet"];
  const platform = ["--platform", "manylinux_2_27_x86_64", "--dest", scratch];
  await runQuietly(
    python,
    ["-m", "pip", "download", ...flags, ...which, ...platform, `tensorflow-cpu==${wheelVersion}`],
    {
      what: "pip download",
      hint: "Check the network (the wheel has 270 MB), or name a wheel by --wheel FILE.",
    },
  );
  const file = readdirSync(scratch).find((entry) => entry.endsWith(".whl"));
  return join(scratch, file);
}

/** A Python, with pip if that is needed. */
function findPython(who, withPip) {
  const found = [];
  for (const program of ["python3", "python"]) {
    if (spawnSync(program, ["--version"]).status !== 0) continue;
    if (!withPip || spawnSync(program, ["-m", "pip", "--version"]).status === 0) return program;
    found.push(`${program} without pip`);
  }
  throw new Refusal(
    `${who}: needs Python with pip to fetch TensorFlow, got ${found.join(", ") || "no Python"}. On Debian: apt install python3-pip.`,
  );
}

/** A C++ compiler: $CXX, or the first on the PATH. */
function findCompiler(who) {
  const { CXX } = process.env;
  const tried = CXX ? [CXX] : ["c++", "g++", "clang++"];
  const found = tried.find((program) => spawnSync(program, ["--version"]).status === 0);
  if (found) return found;
  throw new Refusal(
    `${who}: needs a C++ compiler for the addon, got none (tried ${tried.join(", ")}). On Debian: apt install g++.`,
  );
}

/** Compiles the addon of the package at `place` to where the package looks for it. */
async function compileAddon({ compiler, place, include }) {
  const { napi_versions: known } = JSON.parse(
    readFileSync(join(place, "package.json"), "utf8"),
  ).binary;
  const napi = Math.max(...known.filter((version) => version <= Number(process.versions.napi)));
  const out = join(place, "lib", `napi-v${napi}`);
  mkdirSync(out, { recursive: true });
  const fresh = join(out, `tfjs_binding.${process.pid}`);
  const args = [
    ...["-O2", "-std=c++17", "-shared", "-fPIC", `-DNAPI_VERSION=${napi}`],
    ...["-Ideps/include", `-I${include}`],
    ...["binding/tfjs_backend.cc", "binding/tfjs_binding.cc"],
    ...["-Ldeps/lib", "-ltensorflow", "-ltensorflow_framework"],
    ...["-Wl,-rpath,$ORIGIN/../../deps/lib", "-o", fresh],
  ];
  try {
    await runQuietly(compiler, args, { cwd: place, what: `${compiler} (the addon)` });
    renameSync(fresh, join(out, "tfjs_binding.node"));
  } finally {
    rmSync(fresh, { force: true });
  }
}
