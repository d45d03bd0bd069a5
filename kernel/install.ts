import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { UsageError } from "./usage-error.ts";

/** Where Jupyter looks for kernels: for this user, in the active Python environment, or below a given prefix. */
export type Where = "user" | "sys-prefix" | { prefix: string };

/** Folder of the labextension below `labextensions/`, and its name there. */
export const labextension = "lclab-plotly";

/**
 * Jupyter's data folder.
 * @throws UsageError for `sys-prefix` if there is no Python.
 */
export function dataFolder(
  where: Where,
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  if (typeof where === "object") return join(where.prefix, "share", "jupyter");
  if (where === "sys-prefix") return join(pythonPrefix(env), "share", "jupyter");
  if (env.JUPYTER_DATA_DIR) return env.JUPYTER_DATA_DIR;
  if (platform === "darwin") return join(homedir(), "Library", "Jupyter");
  if (platform === "win32")
    return join(env.APPDATA ?? join(homedir(), "AppData", "Roaming"), "jupyter");
  return join(env.XDG_DATA_HOME || join(homedir(), ".local", "share"), "jupyter");
}

function pythonPrefix(env: NodeJS.ProcessEnv): string {
  const active = env.VIRTUAL_ENV || env.CONDA_PREFIX;
  if (active) return active;
  for (const python of ["python3", "python"]) {
    try {
      return execFileSync(python, ["-c", "import sys; print(sys.prefix)"], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      }).trim();
    } catch {
      // try the other name
    }
  }
  throw new UsageError(
    "lclab: --sys-prefix needs an active Python environment, and no python was found. Write --prefix DIR.",
  );
}

/**
 * Options of the kernel's Node. From Node 24 on, its young generation would grow until the process is 40 MB larger, for nothing:
 * the kernel waits most of its time.
 */
export const nodeOptions: readonly string[] = ["--max-semi-space-size=8"];

/** The kernelspec. Its argv is absolute, because Jupyter's PATH need not have `node` or `lclab`. */
export function kernelspec(main: string, node: string): Record<string, unknown> {
  return {
    argv: [node, ...nodeOptions, main, "kernel", "{connection_file}"],
    display_name: "TypeScript (lclab)",
    language: "typescript",
    interrupt_mode: "message",
    metadata: { debugger: false, supported_encryption: ["curve"] },
  };
}

/**
 * Writes the kernelspec, and the JupyterLab extension if it was built. `node` is the program that runs the kernel.
 * Returns a line for each.
 * @throws UsageError if `data` cannot be written, or if `main` lies in npx's cache, which npm clears.
 */
export function install(data: string, main: string, node: string = process.execPath): string[] {
  if (main.split(/[\\/]/).includes("_npx"))
    throw new UsageError(
      "lclab install: must not run from npx's cache, which npm clears: Jupyter would not find the kernel then. In a folder that stays, write npm install lclab, then npx lclab install.",
    );
  return writing(data, () => installed(data, main, node));
}

function installed(data: string, main: string, node: string): string[] {
  const kernel = join(data, "kernels", "lclab");
  mkdirSync(kernel, { recursive: true });
  writeFileSync(
    join(kernel, "kernel.json"),
    `${JSON.stringify(kernelspec(main, node), null, 2)}\n`,
  );
  writeFileSync(join(kernel, "logo-svg.svg"), logo);
  const lines = [`Installed the kernel "lclab" in ${kernel}`];
  const extension = join(dirname(dirname(main)), "labextension");
  if (existsSync(extension)) {
    const target = join(data, "labextensions", labextension);
    // File names are hashed: without this every build would leave its own behind.
    rmSync(target, { recursive: true, force: true });
    cpSync(extension, target, { recursive: true });
    lines.push(`Installed the Plotly renderer in ${target}`);
  } else
    lines.push("Did not install the Plotly renderer: it is not built. Run npm run build first.");
  return lines;
}

/**
 * Removes what `install` wrote. Returns a line for each that was there, or one that says that nothing was.
 * @throws UsageError if it may not.
 */
export function uninstall(data: string): string[] {
  const parts = {
    'the kernel "lclab"': join(data, "kernels", "lclab"),
    "the Plotly renderer": join(data, "labextensions", labextension),
  };
  const lines = Object.entries(parts).flatMap(([name, folder]) => {
    if (!existsSync(folder)) return [];
    writing(data, () => rmSync(folder, { recursive: true }));
    return [`Removed ${name} from ${folder}`];
  });
  return lines.length > 0 ? lines : [`There was nothing of lclab in ${data}`];
}

/** Turns the system's refusal to write into what can be done about it. */
function writing<T>(data: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new UsageError(
      `lclab: ${data} cannot be written (${code}). Write --user, or --prefix with a folder that is yours.`,
    );
  }
}

const logo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">
  <rect width="64" height="64" rx="10" fill="#3178c6"/>
  <text x="32" y="44" font-family="sans-serif" font-weight="bold" font-size="34" text-anchor="middle" fill="#fff">LC</text>
</svg>
`;
