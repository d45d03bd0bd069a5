import { lstat } from "node:fs/promises";
import { extname } from "node:path";
import { grouped } from "../text.ts";
import { fileTable } from "./file-table.ts";
import { type ExportOptions, exportFormats } from "./formats.ts";
import { load } from "./save.ts";
import { isFolder, openSource } from "./source.ts";

/** How the commands read files. */
interface Reading {
  readonly json: boolean;
  readonly maxBytes?: number;
}

/** `lclab inspect`: what is in a file of a compressed network, and what takes how many bytes. @returns The exit code. */
export async function inspectCommand(path: string, { json, ...reading }: Reading): Promise<number> {
  const found = await load(path, reading);
  const { model, file, bits, ratio } = found;
  const details = fileTable(found, file, true);
  if (json) {
    const { name } = model.network;
    const rows = details.toRecords();
    console.log(JSON.stringify({ network: name, file, bits, ratio, rows }, null, 2));
    return 0;
  }
  console.log(`${model.network.name}: ${ratio.toPrecision(4)} × smaller when packed`);
  console.log(details.toText());
  return 0;
}

/** What `lclab export` is given besides its two paths. */
export interface Exporting extends Reading, ExportOptions {
  /** The format; undefined: by the ending of the file to write. */
  readonly to: string | undefined;
  /** Whether a file that is there may be replaced. */
  readonly force: boolean;
}

/**
 * `lclab export`: writes the network in a file, or of a run's folder, in another format.
 * @returns The exit code: 0, 1 if `out` is there already, 2 if there is no such format, or it has no such option, or
 *   a folder is given a limit.
 */
export async function exportCommand(
  path: string,
  out: string,
  { to, json, force, decompress, entropy, ...reading }: Exporting,
): Promise<number> {
  const name = to ?? extname(out).slice(1);
  const format = exportFormats.find((one) => one.name === name);
  if (!format) {
    const all = exportFormats.map((one) => one.name).join(", ");
    const got = to === undefined ? `the ending of ${JSON.stringify(out)}` : JSON.stringify(to);
    console.error(`lclab export: --to must be one of ${all}, got ${got}.`);
    return 2;
  }
  for (const [option, given] of Object.entries({ decompress, entropy })) {
    if (!given || format.options.some((known) => known === option)) continue;
    const others = exportFormats.filter(({ options }) => options.some((one) => one === option));
    console.error(
      `lclab export: ${format.name} has no --${option}; ${others.map((one) => one.name).join(" and ")} has it.`,
    );
    return 2;
  }
  if (decompress && entropy) {
    console.error("lclab export: write --decompress or --entropy: plain weights are not coded.");
    return 2;
  }
  if (!(await mayLimit("export", path, reading.maxBytes))) return 2;
  if (!(await isFree("export", out, force))) return 1;
  const source = await openSource(path, reading);
  const { bytes } = await format.write(source, out, { decompress, entropy });
  const { name: network } = source.model.network;
  if (json) console.log(JSON.stringify({ network, format: format.name, path: out, bytes }));
  else console.log(`${network} as ${format.name}: ${out}, ${grouped(bytes)} bytes`);
  return 0;
}

/** False, and a line that says so, if a run's folder is given a limit of what reading a file may take. */
export async function mayLimit(
  command: string,
  path: string,
  maxBytes: number | undefined,
): Promise<boolean> {
  if (maxBytes === undefined || !(await isFolder(path))) return true;
  console.error(
    `lclab ${command}: --max-bytes is for files, and ${path} is a folder, whose run is read as it is. Leave it out.`,
  );
  return false;
}

/** False, and a line that says so, if something is at `out` that must stay. */
export async function isFree(command: string, out: string, force: boolean): Promise<boolean> {
  const there = await lstat(out).then(
    () => true,
    () => false,
  );
  if (!there || force) return true;
  console.error(`lclab ${command}: ${out} is there already. Write --force to replace it.`);
  return false;
}
