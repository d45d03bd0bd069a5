import { existsSync, readFileSync, statSync } from "node:fs";
import type { LoadHookSync, ResolveHookSync } from "node:module";
import { basename, extname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { transformSync } from "esbuild";

/** Name of the module, in the notebook's folder, in whose place the cells import. It does not exist. */
export const cellModule = "lclab-cell.mjs";

/** Where the module that stands for tslab finds it: the hooks may run in another thread. */
export const tslabSymbol: symbol = Symbol.for("lclab.tslab");

const tslabModule = `data:text/javascript,${encodeURIComponent(`const tslab = globalThis[Symbol.for("lclab.tslab")];
export default tslab;
export const { versions, newDisplay, display } = tslab;`)}`;

const loaders = { ".ts": "ts", ".mts": "ts", ".tsx": "tsx", ".jsx": "jsx" } as const;
const extensions = [".ts", ".tsx", ".mts", ".js", ".mjs", ".jsx", ".json"];

/** A local file as a module. An edited file, and every file that imports it, gets a new generation and thus a new URL. */
interface LocalModule {
  generation: number;
  /** Modification time and size. */
  stamp: string;
  /** Paths of the local files it imports. */
  dependencies: Set<string>;
}

const modules = new Map<string, LocalModule>();

interface Resolved {
  url: string;
  format?: string | null | undefined;
  shortCircuit?: boolean | undefined;
}
type Next<T> = (specifier: string, context?: never) => T | Promise<T>;

/** Resolves like TypeScript (`./a`, and `./a.js` for `a.ts`) and gives local files their generation. */
export function resolve(
  specifier: string,
  context: { parentURL?: string | undefined },
  next: Next<Resolved>,
): Resolved | Promise<Resolved> {
  const parent = context.parentURL?.startsWith("file:")
    ? fileURLToPath(context.parentURL.replace(/[?#].*$/, ""))
    : undefined;
  if (parent === undefined || isInstalled(parent)) return next(specifier);
  if (specifier === "tslab") return { url: tslabModule, shortCircuit: true };
  const finish = (resolved: Resolved) => versioned(resolved, parent);
  if (/^(?:\.{1,2}\/|file:|\/)/.test(specifier)) {
    const url = new URL(specifier, context.parentURL);
    const path = sourceFile(fileURLToPath(url));
    if (path && !isInstalled(path) && extname(path) in loaders)
      return finish({ url: pathToFileURL(path).href, format: "module", shortCircuit: true });
    if (path && path !== fileURLToPath(url)) specifier = pathToFileURL(path).href;
  }
  const resolved = next(specifier);
  return resolved instanceof Promise ? resolved.then(finish) : finish(resolved);
}

/** Compiles local TypeScript and JSX. */
export function load(url: string, _context: unknown, next: (url: string) => unknown): unknown {
  const clean = url.replace(/[?#].*$/, "");
  const loader = loaders[extname(clean) as keyof typeof loaders];
  if (!loader || !clean.startsWith("file:") || isInstalled(clean)) return next(url);
  return {
    format: "module",
    source: compileFile(fileURLToPath(clean), url, loader),
    shortCircuit: true,
  };
}

/** The hooks as `registerHooks` wants them. */
export const inThread: { resolve: ResolveHookSync; load: LoadHookSync } = {
  resolve: resolve as unknown as ResolveHookSync,
  load: load as unknown as LoadHookSync,
};

function compileFile(path: string, url: string, loader: "ts" | "tsx" | "jsx"): string {
  try {
    const { code, map } = transformSync(readFileSync(path, "utf8"), {
      loader,
      format: "esm",
      target: `node${process.versions.node}`,
      sourcemap: "external",
      sourcefile: path,
      tsconfigRaw: {},
      logLevel: "silent",
    });
    // The first line registers the map, so the map starts one line later.
    const shifted = JSON.parse(map) as { mappings: string };
    shifted.mappings = `;${shifted.mappings}`;
    const entry = `${JSON.stringify(url)}, ${JSON.stringify(JSON.stringify(shifted))}`;
    return `globalThis[Symbol.for("lclab.maps")]?.set(${entry});\n${code}`;
  } catch (error) {
    const { errors } = error as {
      errors?: { text: string; location: { line: number; column: number } | null }[];
    };
    const [first] = errors ?? [];
    if (!first) throw error;
    const at = first.location ? `:${first.location.line}:${first.location.column + 1}` : "";
    throw new SyntaxError(`${path}${at}: ${first.text}`, { cause: undefined });
  }
}

function versioned(resolved: Resolved, parent: string): Resolved {
  if (!resolved.url.startsWith("file:") || /[?#]/.test(resolved.url)) return resolved;
  const path = fileURLToPath(resolved.url);
  if (isInstalled(path) || resolved.format === "commonjs") return resolved;
  if (basename(parent) === cellModule) refresh(path, new Map());
  else modules.get(parent)?.dependencies.add(path);
  let module = modules.get(path);
  if (!module) {
    module = { generation: 0, stamp: stamp(path), dependencies: new Set() };
    modules.set(path, module);
  }
  return module.generation === 0
    ? resolved
    : { ...resolved, url: `${resolved.url}?v=${module.generation}` };
}

/** Brings the generations of a file and of all it imports up to date; true if its own changed. */
function refresh(path: string, done: Map<string, boolean>): boolean {
  const known = done.get(path);
  if (known !== undefined) return known;
  done.set(path, false); // what imports itself in a circle has not changed for that
  const module = modules.get(path);
  if (!module) return false;
  let changed = false;
  for (const dependency of module.dependencies) changed = refresh(dependency, done) || changed;
  const now = stamp(path);
  if (now !== module.stamp || changed) {
    module.stamp = now;
    module.generation++;
    module.dependencies.clear();
    changed = true;
  }
  done.set(path, changed);
  return changed;
}

function stamp(path: string): string {
  try {
    const { mtimeMs, size } = statSync(path);
    return `${mtimeMs} ${size}`;
  } catch {
    return "";
  }
}

/** The file that an import means: itself, its TypeScript source, or with an extension added. */
function sourceFile(path: string): string | undefined {
  const isFile = (candidate: string) => existsSync(candidate) && statSync(candidate).isFile();
  if (isFile(path)) return path;
  const extension = extname(path);
  const stem = path.slice(0, path.length - extension.length);
  const sources = { ".js": [".ts", ".tsx"], ".mjs": [".mts"], ".jsx": [".tsx"] }[extension] ?? [];
  return [
    ...sources.map((source) => stem + source),
    ...extensions.map((added) => path + added),
    ...extensions.map((added) => `${path}/index${added}`),
  ].find(isFile);
}

function isInstalled(path: string): boolean {
  return path.includes("/node_modules/") || path.includes("\\node_modules\\");
}
