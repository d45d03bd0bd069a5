import { resolve } from "node:path";

/** What the user process takes from the notebook's tsconfig.json, for the local files that cells import. */
export interface ImportSettings {
  /** Options of esbuild's `tsconfigRaw.compilerOptions`. */
  compiler: Record<string, unknown>;
  /** Patterns of import specifiers, `@/*`, and what they stand for, relative to the notebook's folder. */
  paths: Record<string, string[]>;
}

/** By the environment: the loader may be a thread of its own. */
export const settingsVariable = "LCLAB_TSCONFIG";

export const settings: ImportSettings = {
  compiler: {},
  paths: {},
  ...(JSON.parse(process.env[settingsVariable] ?? "{}") as Partial<ImportSettings>),
};

/**
 * The files, some perhaps without their extension, that a specifier stands for by `paths` of the tsconfig.json in `folder`, as
 * TypeScript finds them.
 */
export function aliased(
  specifier: string,
  folder: string,
  paths: ImportSettings["paths"] = settings.paths,
): string[] {
  const targets = (pattern: string, middle: string) =>
    paths[pattern].map((target) =>
      resolve(
        folder,
        target.replace("*", () => middle),
      ),
    );
  if (Object.hasOwn(paths, specifier)) return targets(specifier, "");
  const patterns = Object.keys(paths)
    .filter((pattern) => pattern.includes("*"))
    .map((pattern) => [pattern, ...pattern.split("*")])
    .filter(
      ([, before, after]) =>
        specifier.length >= before.length + after.length &&
        specifier.startsWith(before) &&
        specifier.endsWith(after),
    )
    // The longest text before the star wins.
    .sort(([, a], [, b]) => b.length - a.length);
  if (patterns.length === 0) return [];
  const [[pattern, before, after]] = patterns;
  return targets(pattern, specifier.slice(before.length, specifier.length - after.length));
}
