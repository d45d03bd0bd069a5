/**
 * Recomputes the numbers of the reference toolkit's LeNet300 on MNIST and compares them with the published ones:
 *
 *     npm run reference -- --data DIR [--json]       DIR has mnist/ and lenet300_reference/
 *
 * Ends with 1 if one is off.
 */
import { parseArgs } from "node:util";
import { mnist } from "../../src/data/mnist.ts";
import { table } from "../../src/table/table.ts";
import { referenceLenet300 } from "../support/reference.ts";
import {
  type Check,
  directChecks,
  exactChecks,
  netChecks,
  type Reference,
  threePartChecks,
} from "./checks.ts";

const { values } = parseArgs({
  options: { data: { type: "string" }, json: { type: "boolean", default: false } },
});
if (values.data) process.env.LCLAB_DATA = values.data;
if (!process.env.LCLAB_DATA) {
  console.error(
    "reference: no data. Write npm run reference -- --data DIR, where DIR has mnist/ and lenet300_reference/.",
  );
  process.exit(2);
}
const model = (await referenceLenet300()) as Reference;
const data = await mnist();
const results: Check[] = await netChecks(model, data);
for (const { run } of directChecks) results.push(...(await run(model, data)));
results.push(...exactChecks(model), ...threePartChecks(model));

const wrong = results.filter(({ ok }) => !ok);
if (values.json) console.log(JSON.stringify(results, null, 2));
else {
  const digits = (x: number): string => String(Number(x.toPrecision(10)));
  const columns = ["row", "search", "number", "expected", "got", "tolerance", "ok"];
  const rows = results.map((c) => [
    ...[c.row, c.search, c.what],
    ...[digits(c.expected), digits(c.got), c.within, c.ok ? "ok" : "MISS"],
  ]);
  console.log(
    table(
      columns.map((name) => ({ name })),
      rows,
    ).toText(),
  );
  console.log(`\n${results.length - wrong.length} of ${results.length} numbers agree.`);
}
process.exitCode = wrong.length > 0 ? 1 : 0;
