/** node_modules as package-lock.json says, by `npm ci` when they differ. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runQuietly } from "./run.mjs";

/** True if every package that the lock file asks for on this platform stands in node_modules at that version. */
export function dependenciesMatch(root) {
  try {
    const asked = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
    const hidden = join(root, "node_modules", ".package-lock.json");
    const present = JSON.parse(readFileSync(hidden, "utf8")).packages;
    return Object.entries(asked).every(([path, entry]) => {
      if (path === "") return true;
      const installed = present[path];
      // npm leaves out optional packages of other platforms.
      if (!installed) return entry.optional === true;
      return (
        installed.version === entry.version &&
        installed.integrity === entry.integrity &&
        existsSync(join(root, path, "package.json"))
      );
    });
  } catch {
    return false;
  }
}

/** Installs the packages of the lock file if needed; returns false if there was nothing to do. */
export async function installDependencies(root, announce = () => {}) {
  if (dependenciesMatch(root)) return false;
  announce();
  const args = ["ci", "--ignore-scripts", "--include=dev", "--no-audit", "--no-fund"];
  await runNpm(args, {
    cwd: root,
    what: "npm ci",
    hint: "Check the network and package-lock.json, then start again.",
  });
  return true;
}

/**
 * Runs npm quietly. Under npm its own program is known; without it npm is a script on the PATH (npm.cmd on Windows, which
 * needs a shell).
 */
export async function runNpm(args, options) {
  const npm = process.env.npm_execpath;
  if (npm?.endsWith(".js")) await runQuietly(process.execPath, [npm, ...args], options);
  else await runQuietly("npm", args, { ...options, shell: process.platform === "win32" });
}
