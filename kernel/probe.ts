import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, parse } from "node:path";
import { ended } from "./runtime-package.ts";

/** What was found about one thing. */
export interface Finding {
  name: string;
  /** `optional`: not there or not the best, and not needed; `missing`: needed. */
  status: "ok" | "optional" | "missing";
  /** Version and place, or what is wrong. */
  detail: string;
  /** What to do, where it is not `ok`. */
  fix?: string;
}

const probeSeconds = 60;

/** What a program prints on stdout; undefined if it fails, is not there, or does not end. */
export async function output(
  [program, ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd?: string,
): Promise<string | undefined> {
  const options = { env, windowsHide: true, ...(cwd === undefined ? {} : { cwd }) };
  const { code, stdout } = await ended(spawn(program, args, options), probeSeconds);
  return code === 0 ? stdout : undefined;
}

/** Of a package's package.json; `path` is its folder. */
export interface Manifest {
  name: string;
  version: string;
  path: string;
}

/** The package that an import of `name` in `folder` finds. */
export function manifestOf(folder: string, name: string): Manifest | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const found = manifestIn(at, name);
    if (found || at === parse(at).root) return found;
  }
}

/** The package `name` in the node_modules of `folder` itself. */
export function manifestIn(folder: string, name: string): Manifest | undefined {
  const path = join(folder, "node_modules", name);
  const { name: own, version } = readJson(join(path, "package.json")) as {
    name?: unknown;
    version?: unknown;
  };
  return typeof own === "string" && typeof version === "string"
    ? { name: own, version, path }
    : undefined;
}

export function readJson(path: string): object {
  try {
    return parseJson(readFileSync(path, "utf8"));
  } catch {
    return {};
  }
}

/** The object that `text` is as JSON; an empty one if it is none. */
export function parseJson(text: string | undefined): object {
  try {
    const value = JSON.parse(text ?? "") as unknown;
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
