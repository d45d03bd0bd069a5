/**
 * Benchmarks, run by hand:
 *
 *     npm run bench -- NAME [options]      NAME.bench.ts in this folder
 */
import { readdir } from "node:fs/promises";

const [name, ...args] = process.argv.slice(2);
const files = await readdir(new URL(".", import.meta.url));
const names = files.filter((file) => file.endsWith(".bench.ts")).map((file) => file.slice(0, -9));
if (name === undefined || !names.includes(name)) {
  console.error(
    `bench: name one of ${names.join(", ")}, got ${JSON.stringify(name ?? null)}. Write npm run bench -- ${names[0]}.`,
  );
  process.exit(2);
}
const { run } = (await import(`./${name}.bench.ts`)) as { run: (args: string[]) => Promise<void> };
await run(args);
