import { join } from "node:path";
import { type Finding, manifestOf, output } from "./probe.ts";

/** The program behind completion, hover and type errors: cells run without it. */
export async function typescriptServer(
  root: string,
  node: string,
  env: NodeJS.ProcessEnv,
): Promise<Finding> {
  const name = "TypeScript server";
  const without = (detail: string): Finding => ({
    name,
    status: "optional",
    detail: `${detail}: cells run, without completion, hover and type errors`,
    fix: "Install the packages again: npm ci --ignore-scripts, or npm install in your project.",
  });
  const found = manifestOf(root, "typescript");
  if (!found) return without("typescript is not installed");
  if (Number.parseInt(found.version, 10) < 7)
    return without(`typescript ${found.version} has none, it must be 7 or newer`);
  // Its script finds the program of this platform, which is a package of its own.
  const code = `import(require("url").pathToFileURL(process.argv[1]).href).then((it) =>
    process.stdout.write(require("child_process").execFileSync(it.default(), ["--version"])))`;
  const script = join(found.path, "lib", "getExePath.js");
  const answer = await output([node, "-e", code, script], env);
  const version = /^Version (\S+)/.exec(answer ?? "")?.[1];
  if (version === undefined) return without(`typescript ${found.version} does not start`);
  return { name, status: "ok", detail: `${version} (${found.path})` };
}
