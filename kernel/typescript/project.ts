import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { TsconfigRaw } from "esbuild";

/** What of a tsconfig.json changes what a cell or a local file does when it runs. */
export type ProjectOptions = NonNullable<TsconfigRaw["compilerOptions"]>;

const names = [
  "experimentalDecorators",
  "jsx",
  "jsxFactory",
  "jsxFragmentFactory",
  "jsxImportSource",
  "useDefineForClassFields",
] as const;
/** Most configurations set none of these, and then nobody need read them properly. */
const relevant = new RegExp(`"(?:${names.join("|")}|extends)"`);

/**
 * Those options of the tsconfig.json in `folder` or above it, as TypeScript reads it, with what it extends; none if there
 * is none.
 * @throws Error if TypeScript cannot be run.
 */
export function projectOptions(folder: string): ProjectOptions {
  const path = nearest(folder);
  if (path === undefined || !relevant.test(readFileSync(path, "utf8"))) return {};
  const typescript = createRequire(import.meta.url).resolve("typescript/package.json");
  const script = join(dirname(typescript), "bin", "tsc");
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [script, "--showConfig", "-p", path],
    {
      encoding: "utf8",
      windowsHide: true,
    },
  );
  if (status !== 0) throw new Error(`${path}: TypeScript cannot read it. ${stderr.trim()}`);
  const { compilerOptions = {} } = JSON.parse(stdout) as { compilerOptions?: ProjectOptions };
  const options: Record<string, unknown> = {};
  for (const name of names) if (name in compilerOptions) options[name] = compilerOptions[name];
  // What another tool would compile later has to run here and now.
  if (/^(?:preserve|react-native)$/.test(String(options.jsx))) options.jsx = "react-jsx";
  return options as ProjectOptions;
}

function nearest(folder: string): string | undefined {
  const path = join(folder, "tsconfig.json");
  if (existsSync(path)) return path;
  const parent = dirname(folder);
  return parent === folder ? undefined : nearest(parent);
}
