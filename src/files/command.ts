import { fileTable } from "./file-table.ts";
import { load } from "./save.ts";

/** `lclab inspect`: what is in a file of a compressed network, and what takes how many bytes. @returns The exit code. */
export async function inspectCommand(path: string, json: boolean): Promise<number> {
  const found = await load(path);
  const { model, file, bits, ratio } = found;
  const details = fileTable(found, file, true);
  if (json) {
    const { name } = model.network;
    console.log(
      JSON.stringify({ network: name, file, bits, ratio, rows: details.toRecords() }, null, 2),
    );
    return 0;
  }
  console.log(`${model.network.name}: ${ratio.toPrecision(4)} × smaller when packed`);
  console.log(details.toText());
  return 0;
}
