/**
 * Bytes of the compressed reference net, for all rows of direct compression:
 *
 *     npm run sizes -- --data DIR [--json]       DIR has lenet300_reference/
 */
import { parseArgs } from "node:util";
import { table } from "../../src/table/table.ts";
import { grouped } from "../../src/text.ts";
import { referenceLenet300 } from "../support/reference.ts";
import type { Reference } from "./checks.ts";
import { type Sizes, sizes } from "./sizes.ts";

const { values } = parseArgs({
  options: { data: { type: "string" }, json: { type: "boolean", default: false } },
});
if (values.data) process.env.LCLAB_DATA = values.data;
if (!process.env.LCLAB_DATA) {
  console.error(
    "sizes: no data. Write npm run sizes -- --data DIR, where DIR has lenet300_reference/.",
  );
  process.exit(2);
}
const found: Sizes[] = [];
for await (const row of sizes((await referenceLenet300()) as Reference)) found.push(row);
if (values.json) console.log(JSON.stringify(found, null, 2));
else {
  const numbers = [
    ["toolkit bits", "toolkitBits"],
    ["packed bytes", "packedBytes"],
    ["coded bytes", "codedBytes"],
    ["zlib -9 bytes (of packed)", "zlibBytes"],
    ["packed file", "packedFile"],
    ["coded file", "codedFile"],
    ["zlib -9 file (of packed)", "zlibFile"],
  ] as const;
  const columns = [
    { name: "row" },
    { name: "search" },
    ...numbers.map(([name]) => ({ name, format: grouped })),
  ];
  const rows = found.map((one) => [one.row, one.search, ...numbers.map(([, key]) => one[key])]);
  console.log(table(columns, rows).toText());
}
