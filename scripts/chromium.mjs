/** Finds the browser that the browser tests drive. */
import { existsSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Path of CHROMIUM, else of chromium or google-chrome on the PATH; undefined if there is none. */
export function findChromium(env = process.env) {
  if (env.CHROMIUM) return isFile(env.CHROMIUM) ? env.CHROMIUM : undefined;
  const folders = ["/usr/bin", ...(env.PATH ?? "").split(delimiter)];
  const names = ["chromium", "chromium-browser", "google-chrome"];
  for (const name of names) {
    for (const folder of folders)
      if (folder && isFile(join(folder, name))) return join(folder, name);
  }
  return undefined;
}

function isFile(path) {
  return existsSync(path) && statSync(path).isFile();
}
