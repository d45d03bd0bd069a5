import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";

/** Why a package could not be had; the message is a clause for people. */
export class PackageError extends Error {}

/**
 * Runs npm with the user's own configuration and resolves with what it printed. `settings` are npm's own, such as
 * `{ pack_destination: folder }`; they travel in the environment, so that no shell sees their spaces.
 * @throws PackageError with npm's code if it fails, is not there, or takes longer than `seconds`.
 */
export async function npm(
  args: readonly string[],
  {
    settings = {},
    env = process.env,
    seconds,
  }: { settings?: Record<string, string>; env?: NodeJS.ProcessEnv; seconds: number },
): Promise<string> {
  const configured = Object.entries(settings).map(([name, value]) => [`npm_config_${name}`, value]);
  const options = { env: { ...env, ...Object.fromEntries(configured) } };
  const script = npmScript(env);
  const child = script
    ? spawn(process.execPath, [script, ...args], options)
    : spawn("npm", args, { ...options, shell: process.platform === "win32" });
  const { code, stdout, stderr } = await ended(child, seconds);
  if (code === "late") throw new PackageError(`npm took longer than ${seconds} s`);
  if (code === "ENOENT") throw new PackageError("npm was not found");
  if (code !== 0)
    throw new PackageError(
      `npm ${args[0]} failed (${/npm (?:ERR!|error) code (\S+)/.exec(stderr)?.[1] ?? code})`,
    );
  return stdout;
}

/** npm's own program where it is known: under npm itself, and on Windows, where npm is a batch file. */
function npmScript(env: NodeJS.ProcessEnv): string | undefined {
  const { npm_execpath: given } = env;
  if (given && /npm-cli\.js$/.test(given) && existsSync(given)) return given;
  const beside = join(dirname(process.execPath), "node_modules", "npm", "bin", "npm-cli.js");
  return process.platform === "win32" && existsSync(beside) ? beside : undefined;
}

/** How a program ended: its exit code or signal, `"late"`, or the code of the error that kept it from starting. */
export function ended(
  child: ChildProcess,
  seconds: number,
): Promise<{ code: number | string | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    let [stdout, stderr, late] = ["", "", false];
    child.stdin?.end();
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
      // What it started may hold its pipes open.
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, seconds * 1000);
    const finish = (code: number | string | null): void => {
      clearTimeout(timer);
      resolve({ code: late ? "late" : code, stdout, stderr });
    };
    child.once("error", (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
    child.once("close", (code, signal) => finish(code ?? signal));
  });
}

/** The bytes of a file as npm writes them in `dist.integrity`. */
export async function integrity(path: string): Promise<string> {
  const hash = createHash("sha512");
  await pipeline(createReadStream(path), hash);
  return `sha512-${hash.digest("base64")}`;
}

/**
 * Takes single files out of a .tgz: `members` maps names in the archive to paths to write, executable. Nothing else is
 * written, whatever the archive holds.
 * @throws PackageError that names a missing member or says that the archive is damaged.
 */
export async function extract(archive: string, members: Record<string, string>): Promise<void> {
  const missing = new Set(Object.keys(members));
  try {
    await pipeline(createReadStream(archive), createGunzip(), async (chunks) => {
      const header = Buffer.alloc(512);
      let [filled, content, padding] = [0, 0, 0]; // bytes: of the header, still to come of the file and after it
      let out: FileHandle | undefined;
      try {
        for await (const chunk of chunks as AsyncIterable<Buffer>) {
          for (let at = 0; at < chunk.length; ) {
            const start = at;
            if (content > 0) {
              at = Math.min(chunk.length, at + content);
              await out?.writeFile(chunk.subarray(start, at));
              content -= at - start;
            } else if (padding > 0) {
              at = Math.min(chunk.length, at + padding);
              padding -= at - start;
            } else {
              at += chunk.copy(header, filled, at);
              filled += at - start;
              if (filled < header.length) continue;
              filled = 0;
              await out?.close();
              out = undefined;
              const { name, size, file } = entry(header);
              [content, padding] = [size, -size & 511];
              if (!file || !missing.delete(name)) continue;
              out = await open(members[name], "wx", 0o755);
            }
          }
        }
      } finally {
        await out?.close();
      }
      if (filled + content > 0) throw new PackageError("is cut short");
    });
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    if (error instanceof PackageError || code.startsWith("Z_"))
      throw new PackageError(`the package is damaged: ${message}`);
    throw error;
  }
  if (missing.size > 0) throw new PackageError(`the package has no ${[...missing].join(", ")}`);
}

/** One header of a tar archive. Long names, which come in headers of their own, are none that we want. */
function entry(header: Buffer): { name: string; size: number; file: boolean } {
  const text = (from: number, to: number): string =>
    header.toString("utf8", from, to).replace(/\0.*$/s, "");
  const size = Number.parseInt(text(124, 136).trim() || "0", 8);
  if (!(size >= 0)) throw new PackageError("a size is not a number");
  const [prefix, name] = [text(345, 500), text(0, 100)];
  const type = header[156];
  return { name: prefix ? `${prefix}/${name}` : name, size, file: type === 0 || type === 48 };
}
