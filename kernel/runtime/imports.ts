import nodeModule, { createRequire, register } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { compileFunction, constants } from "node:vm";
import { mapsSymbol } from "./failure.ts";
import { gate } from "./gate.ts";
import * as hooks from "./hooks.ts";
import { tslab } from "./tslab.ts";

type Namespace = Record<string, unknown>;

/** Imports of the cells of one notebook. */
export interface CellImports {
  /** Path of a module that does not exist: the cells import as if they stood in it. */
  filename: string;
  require: NodeJS.Require;
  /** Registers the loader hooks ahead of the first import. */
  warm(): void;
  helpers: {
    import(specifier: string, options?: ImportCallOptions): Promise<Namespace>;
    imports(
      specifier: string,
      names: string[],
      required: boolean[],
      options?: ImportCallOptions,
    ): Promise<unknown[]>;
    meta: ImportMeta;
  };
}

/** Imports resolved from `folder`, with local TypeScript files and new versions of edited files. */
export function cellImports(folder: string): CellImports {
  const filename = join(folder, hooks.cellModule);
  const dynamicImport = compileFunction(
    "return import(specifier, options)",
    ["specifier", "options"],
    {
      filename,
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    },
  ) as (specifier: string, options?: ImportCallOptions) => Promise<Namespace>;
  Object.defineProperty(globalThis, mapsSymbol, { value: new Map<string, string>() });

  let warmed = false;
  const warm = () => {
    if (warmed) return;
    warmed = true;
    Object.defineProperty(globalThis, hooks.tslabSymbol, { value: tslab });
    // In this thread where node can (≥ 22.15), else in the loader's own.
    if (typeof nodeModule.registerHooks === "function") nodeModule.registerHooks(hooks.inThread);
    else register(import.meta.url.endsWith(".ts") ? "./hooks.ts" : "./hooks.js", import.meta.url);
  };

  const load = async (specifier: string, options?: ImportCallOptions): Promise<Namespace> => {
    if (specifier === "tslab") return tslab;
    warm();
    try {
      return await gate(dynamicImport(specifier, options));
    } catch (error) {
      throw explained(error, specifier, filename, folder);
    }
  };

  return {
    filename,
    require: withTslab(createRequire(filename)),
    warm,
    helpers: {
      import: load,
      async imports(specifier, names, required, options) {
        const namespace = await load(specifier, options);
        return names.map((name, i) => member(namespace, name, required[i], specifier));
      },
      meta: Object.freeze({
        url: pathToFileURL(filename).href,
        dirname: folder,
        filename,
        resolve: (specifier: string) =>
          pathToFileURL(createRequire(filename).resolve(specifier)).href,
      }) as unknown as ImportMeta,
    },
  };
}

/** `require` of the cells: tslab's own package, where it is installed, shows nothing outside tslab's kernel. */
function withTslab(require: NodeJS.Require): NodeJS.Require {
  const wrapped = (id: string): unknown => (id === "tslab" ? tslab : require(id));
  return Object.assign(wrapped, require);
}

function member(namespace: Namespace, name: string, required: boolean, specifier: string): unknown {
  if (name === "*") return namespace;
  if (name in namespace) return namespace[name];
  // A CommonJS module whose names node could not find by reading it.
  const whole = namespace.default as Namespace | undefined;
  if (whole !== null && (typeof whole === "object" || typeof whole === "function") && name in whole)
    return whole[name];
  // An unused name may be that of a type, which is gone at run time.
  if (!required) return undefined;
  const names = Object.keys(namespace).filter((key) => key !== "module.exports");
  const list = names.length <= 20 ? names.join(", ") : `${names.slice(0, 20).join(", ")}, …`;
  throw new SyntaxError(
    `The module "${specifier}" has no export "${name}". It exports ${list || "nothing"}.`,
  );
}

/** Names the notebook's folder instead of a module that the user never wrote. */
function explained(error: unknown, specifier: string, filename: string, folder: string): unknown {
  if (!(error instanceof Error)) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "ERR_MODULE_NOT_FOUND" || !error.message.includes(filename)) return error;
  const bare = !/^(?:[./#]|file:)/.test(specifier);
  error.message = bare
    ? `Cannot find the package "${specifier}" from ${folder} upwards. Install it there: npm install ${specifier}`
    : `Cannot find the module "${specifier}" from ${folder}.`;
  return error;
}
