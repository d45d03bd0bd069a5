/** Content hashes of what a result was made from, kept beside the result, so that work is done only when it is due. */
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative, sep } from "node:path";

/** Every file below `folder`, sorted, as absolute paths. Missing folders have none. */
export function filesBelow(folder, wanted = () => true) {
  if (!existsSync(folder)) return [];
  const found = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...filesBelow(path, wanted));
    else if (wanted(path)) found.push(path);
  }
  return found.sort();
}

/** SHA-256 over the names (relative to `root`) and bytes of `files`, and over `more` strings. */
export function contentHash(root, files, more = []) {
  const hash = createHash("sha256");
  for (const text of more) hash.update(`${text}\0`);
  for (const file of files) {
    hash.update(`${relative(root, file).split(sep).join("/")}\0`);
    hash.update(existsSync(file) ? readFileSync(file) : "missing");
    hash.update("\0");
  }
  return hash.digest("hex");
}

/** The JSON at `path`, or {} when there is none or it is damaged: a lost stamp only costs a rebuild. */
export function readStamps(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return {};
  }
}

/** Sets `name` in the stamps at `path`; written to a neighbour and renamed, so a reader never sees half. */
export function writeStamp(path, name, value) {
  const stamps = { ...readStamps(path), [name]: value };
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(stamps, null, 2)}\n`);
  renameSync(temporary, path);
}
