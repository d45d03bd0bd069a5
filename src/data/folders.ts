import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/** The folder of data sets: the environment variable LCLAB_DATA, if it is set. */
export function dataFolder(): string | undefined {
  return process.env.LCLAB_DATA || undefined;
}

/**
 * Where downloads are kept: `$LCLAB_CACHE`, else the platform's cache directory: `~/Library/Caches/lclab` on macOS,
 * `%LOCALAPPDATA%\lclab\cache` on Windows, `$XDG_CACHE_HOME/lclab` (default `~/.cache/lclab`) elsewhere.
 */
export function cacheFolder(
  env: Readonly<Record<string, string | undefined>> = process.env,
  platform: string = process.platform,
  home: string = homedir(),
): string {
  if (env.LCLAB_CACHE) return env.LCLAB_CACHE;
  if (platform === "darwin") return join(home, "Library", "Caches", "lclab");
  if (platform === "win32") {
    return join(env.LOCALAPPDATA || join(home, "AppData", "Local"), "lclab", "cache");
  }
  // The XDG rules: a path that is not absolute is to be ignored.
  const xdg = env.XDG_CACHE_HOME;
  return join(xdg && isAbsolute(xdg) ? xdg : join(home, ".cache"), "lclab");
}
